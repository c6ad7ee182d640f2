-- What was bought at the till in the last days (parameters.days), one row for each line of a receipt.
--
-- The columns are named as TikTok's parameters, so the identity template maps them by itself. The lines of one
-- receipt share an event_id and become one event with its contents. There is no event column: the destination's
-- fixed_event_name is used. E-mails and telephone numbers are given as they are stored: the connector
-- normalises and hashes them, and says which it could not use.
--
-- business_date is the day the shop booked the sale; order_datetime comes from the till and is not always right.

SELECT
    uit.order_id AS event_id
    , uit.order_datetime AS timestamp
    , [mc.email, mc.email_2] AS email            -- a customer may have several: a list, or one column each
    , mc.phone AS phone
    , uit.product_id AS content_id
    , uit.product_name AS content_name
    , uit.product_category AS content_category
    , uit.product_brand AS brand
    , uit.item_price AS price                    -- the value of the event: the sum of price times quantity
    , uit.item_quantity AS quantity
    , uit.currency AS currency
    , uit.order_id AS order_id
    , uit.store_id AS shop_id
    , 'in_store' AS event_channel
FROM Unified_Itemized_Transactions AS uit
LEFT JOIN Merged_Customers AS mc ON uit.amperity_id = mc.amperity_id
WHERE
    uit.purchase_channel = 'in_store'
    AND uit.business_date >= current_date - {{ parameters.days }}
ORDER BY uit.business_date, uit.order_id, uit.line_number
