{{ config(materialized='table') }}
select
    {% if var('bad_data', false) %} null {% else %} 'order-' || order_id {% endif %} as order_id,
    customer_email as email,
    ordered_at as timestamp,
    amount as value,
    'EUR' as currency
from {{ 'no_such_table' if var('broken', false) else ref('stg_orders') }}
