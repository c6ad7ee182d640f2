{{ config(materialized='view') }}
select distinct email from {{ ref('fct_orders') }}
