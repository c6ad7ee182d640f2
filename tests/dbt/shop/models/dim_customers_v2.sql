select customer_email as mail, customer_phone as mobile from {{ ref('stg_orders') }}
