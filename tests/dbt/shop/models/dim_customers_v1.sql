select customer_email as mail from {{ ref('stg_orders') }}
