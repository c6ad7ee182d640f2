{{ config(materialized='table', alias='Names of shops', schema='extra') }}
select * from {{ ref('tools', 'shops') }}
