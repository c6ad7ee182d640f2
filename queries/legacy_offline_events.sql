-- Orders by telephone and from the printed catalogue, as queries for the older offline integration were written:
-- its column names still work (emails, phone_numbers, event_set_id), and so do e-mails hashed in SQL.
--
-- Better leave the hashing to the connector. What is hashed here can no longer be checked: the word "unknown"
-- becomes a digest like any other, and nobody will be found by it.

SELECT
    uit.product_brand AS brand
    , uit.product_category AS content_category
    , uit.product_id AS content_id
    , uit.product_name AS content_name
    , 'product' AS content_type
    , uit.currency AS currency
    , CASE
        WHEN regexp_full_match(trim(mc.email), '[0-9a-fA-F]{64}') THEN mc.email     -- hashed upstream already
        WHEN trim(mc.email) <> '' THEN sha256(lower(trim(mc.email)))
    END AS emails
    , mc.phone AS phone_numbers
    , 'CompletePayment' AS event                                                    -- now called Purchase
    , CASE uit.purchase_channel WHEN 'phone' THEN 'phone_call' ELSE 'other' END AS event_channel
    , md5(uit.order_id) AS event_id                                                 -- 32 letters and digits
    , {{ parameters.event_set_id }} AS event_set_id
    , uit.order_id AS order_id
    , uit.item_price AS price
    , uit.item_quantity AS quantity
    , 'call-centre' AS shop_id
    , strftime(uit.order_datetime, '%Y-%m-%dT%H:%M:%SZ') AS timestamp
    , uit.item_revenue AS value
FROM Unified_Itemized_Transactions AS uit
LEFT JOIN Merged_Customers AS mc ON uit.amperity_id = mc.amperity_id
WHERE
    uit.purchase_channel IN ('phone', 'catalog')
    AND uit.business_date >= current_date - {{ parameters.days }}
ORDER BY uit.business_date, uit.order_id, uit.line_number
