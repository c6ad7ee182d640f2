-- The demo warehouse: run by DuckDB once, the first time that demo/warehouse.duckdb is needed.
--
-- Orders are views over a calendar, not stored rows, so the warehouse never goes stale: it always holds
-- the last 36 days up to this minute. Everything about an order is derived from the MD5 of its own id, so an
-- order is the same whenever it is looked at. The clock is generator.now_utc(); replace that macro to see
-- the warehouse as it will be on another day.
--
-- Nobody in here exists: the e-mail domains are reserved for examples and the telephone numbers for fiction.
-- What is wrong with the data is wrong on purpose and marked "dirty"; each kind comes up every three days.

CREATE SCHEMA generator;

CREATE MACRO generator.now_utc() AS now() AT TIME ZONE 'UTC';

-- A whole number from 0 to n - 1, always the same one for the same key.
CREATE MACRO generator.pick(key, n) AS CAST(md5_number_lower(key) % n AS INTEGER);

CREATE MACRO generator.one_of(key, options) AS options[1 + generator.pick(key, len(options))];

-- Each of 250 slots is met at least once in three days by a channel that takes 100 orders a day.
CREATE MACRO generator.slot(day_number, order_number) AS (order_number + 100 * (day_number % 3)) % 250;


-- Customers ------------------------------------------------------------------------------------------------

CREATE TABLE Merged_Customers AS
WITH people AS (
    SELECT
        n
        , n % 250 AS kind
        , CAST(md5('customer ' || n) AS UUID) AS amperity_id
        , generator.one_of('given ' || n, [
            'Ada', 'Benjamin', 'Chloé', 'Dmitri', 'Esperanza', 'Femi', 'Grace', 'Hana', 'İpek', 'José', 'Kofi',
            'Linh', 'Małgorzata', 'Noah', 'Oluwaseun', 'Priya', 'Quinn', 'Renée', 'Søren', 'Zoë'
        ]) AS given_name
        , generator.one_of('surname ' || n, [
            'Adeyemi', 'Brown', 'Castañeda', 'Dvořák', 'Eriksson', 'Fischer', 'García Márquez', 'Haddad', 'Ito',
            'Jansen', 'Kowalski', 'Löwe', 'Müller-Graf', 'Nguyễn', 'O''Connor', 'Park', 'Smith', 'van der Berg'
        ]) AS surname
        , generator.one_of('place ' || n, [
            {'city': 'Seattle', 'state': 'WA', 'postal': '98101', 'country': 'US', 'area': '206'},
            {'city': 'New York', 'state': 'NY', 'postal': '10001-1234', 'country': 'US', 'area': '212'},
            {'city': 'Chicago', 'state': 'IL', 'postal': '60601', 'country': 'US', 'area': '312'},
            {'city': 'San Francisco', 'state': 'CA', 'postal': '94103', 'country': 'US', 'area': '415'},
            {'city': 'St. Louis', 'state': 'MO', 'postal': '63101', 'country': 'US', 'area': '314'},
            {'city': 'Cañon City', 'state': 'CO', 'postal': '81212', 'country': 'US', 'area': '719'},
            {'city': 'Montréal', 'state': 'QC', 'postal': 'H2Y 1C6', 'country': 'CA', 'area': '514'}
        ]) AS place
        , lpad(CAST(100 + generator.pick('line ' || n, 100) AS VARCHAR), 4, '0') AS line
        , lpad(CAST(generator.pick('subscriber ' || n, 1000) AS VARCHAR), 3, '0') AS subscriber
        , 5 + generator.pick('spent ' || n, 1000) * generator.pick('often ' || n, 40) / 10 AS lifetime_value
    FROM range(3000) AS numbers (n)
)

, usual AS (
    SELECT
        *
        , format(
            '{}{}@{}'
            , regexp_replace(strip_accents(lower(given_name || '.' || surname)), '[^a-z.]', '', 'g')
            , n
            , generator.one_of('domain ' || n, ['example.com', 'example.org', 'example.net'])
        ) AS usual_email
        , generator.one_of('format ' || n, [
            format('({}) 555-{}', place.area, line),
            format('{}-555-{}', place.area, line),
            format('{}.555.{}', place.area, line),
            format('+1{}555{}', place.area, line),
            format('1 {} 555 {}', place.area, line),
            format('{}555{}', place.area, line)
        ]) AS usual_phone
        , generator.one_of('abroad ' || n, [
            '+447700900' || subscriber,
            '+493023125' || subscriber,
            '+3319900' || line,
            '+61491570156',
            '+3532091' || '0' || line
        ]) AS phone_abroad
    FROM people
)

SELECT
    CAST(amperity_id AS VARCHAR) AS amperity_id
    , given_name
    , surname
    , CASE kind
        WHEN 0 THEN NULL                                                     -- dirty: neither e-mail nor phone
        WHEN 1 THEN '   '                                                    -- dirty: blanks for both
        WHEN 2 THEN 'unknown'                                                -- dirty: words instead of both
        WHEN 3 THEN replace(usual_email, '@', '(at)')                        -- dirty: no @, no phone either
        WHEN 4 THEN NULL                                                     -- dirty: only a local phone number
        WHEN 5 THEN replace(usual_email, '@', '@@')                          -- dirty: two @
        WHEN 6 THEN replace(usual_email, '.', ' ')                           -- dirty: white space inside
        WHEN 7 THEN format('{}@localhost', given_name)                       -- dirty: a domain without a dot
        WHEN 8 THEN sha256('')                                               -- dirty: the hash of nothing
        WHEN 9 THEN sha256(usual_email)                                      -- hashed upstream
        WHEN 10 THEN upper(sha256(usual_email))                              -- hashed upstream, in capitals
        WHEN 11 THEN format('愛.{}{}@example.org', lower(surname[1]), n)     -- letters outside ASCII
        WHEN 12 THEN format('post{}@bücher.example', n)                      -- a domain outside ASCII
        WHEN 13 THEN replace(usual_email, '@', '+shop@')                     -- a tag, which is kept
        ELSE CASE
            WHEN kind BETWEEN 20 AND 29 THEN upper(usual_email)
            WHEN kind BETWEEN 30 AND 39 THEN format('  {} ', usual_email)
            WHEN kind BETWEEN 40 AND 59 THEN NULL
            ELSE usual_email
        END
    END AS email
    , CASE
        WHEN kind BETWEEN 60 AND 69 THEN format('{}.{}@example.com', lower(given_name), n)
        WHEN kind = 70 THEN upper(usual_email)                               -- the same address twice
        WHEN kind = 71 THEN 'none'                                           -- dirty: one good, one bad
    END AS email_2
    , CASE kind
        WHEN 0 THEN NULL
        WHEN 1 THEN ''
        WHEN 2 THEN 'n/a'
        WHEN 3 THEN NULL
        WHEN 4 THEN '555-' || line
        WHEN 80 THEN 'call after six'                                        -- dirty: no number at all
        WHEN 81 THEN '12345'                                                 -- dirty: too short
        WHEN 82 THEN '00' || phone_abroad[2:]                                -- dirty: dialled from elsewhere
        WHEN 83 THEN '011' || phone_abroad[2:]                               -- as dialled from the US
        WHEN 84 THEN format('{}-555-{} ext. 7', place.area, line)
        WHEN 85 THEN format('tel:+1-{}-555-{}', place.area, line)
        WHEN 86 THEN translate('2125550142', '0123456789', '０１２３４５６７８９')
        WHEN 87 THEN sha256(format('+1{}555{}', place.area, line))           -- hashed upstream
        ELSE CASE
            WHEN kind BETWEEN 90 AND 99 THEN phone_abroad
            WHEN kind BETWEEN 100 AND 104 THEN format('{} {} {}', phone_abroad[:3], phone_abroad[4:7], phone_abroad[8:])
            WHEN kind BETWEEN 110 AND 139 THEN NULL
            ELSE usual_phone
        END
    END AS phone
    , place.city AS city
    , place.state AS state
    , place.postal AS postal
    , place.country AS country
    , CASE WHEN lifetime_value >= 2000 THEN 'gold' WHEN lifetime_value >= 500 THEN 'silver' ELSE 'basic' END AS loyalty_tier
    , CAST(lifetime_value AS DECIMAL(12, 2)) AS lifetime_value
FROM usual
ORDER BY n;


-- Products -------------------------------------------------------------------------------------------------

CREATE TABLE generator.products AS
SELECT * FROM (VALUES
    (0, 40017, 'Linen shirt', 'Apparel', 'Acme Essentials', 49.90)
    , (1, 40018, 'Wool socks, 3 pairs', 'Apparel', 'Acme Essentials', 17.50)
    , (2, 40021, 'Rain jacket', 'Apparel', 'Acme Outdoor', 129.00)
    , (3, 40022, 'Trail shoes', 'Shoes', 'Acme Outdoor', 109.95)
    , (4, 40031, 'Sneakers "Low"', 'Shoes', 'Acme Essentials', 74.99)
    , (5, 40044, 'Crème brûlée torch', 'Kitchen', 'Acme Home', 34.20)
    , (6, 40045, 'Chef''s knife 20 cm', 'Kitchen', 'Acme Home', 89.00)
    , (7, 40046, 'Tea towel \ apron set', 'Kitchen', 'Acme Home', 22.75)
    , (8, 40057, 'Lip balm 🍒', 'Beauty', 'Acme Care', 4.25)
    , (9, 40058, 'Sun cream 50+', 'Beauty', 'Acme Care', 13.99)
    , (10, 40061, 'Notebook A5', 'Stationery', NULL, 8.40)
    , (11, 40062, 'Gift wrapping', 'Services', NULL, 0.00)
) AS products (n, product_id, product_name, product_category, product_brand, list_price);


-- Orders ---------------------------------------------------------------------------------------------------

CREATE VIEW generator.orders AS
WITH days AS (
    SELECT
        CAST(generator.now_utc() AS DATE) - CAST(ago AS INTEGER) AS business_date
        , CAST(generator.now_utc() AS DATE) - CAST(ago AS INTEGER) - DATE '2000-01-01' AS day_number
    FROM range(36) AS calendar (ago)
)

, channels AS (
    SELECT * FROM (VALUES
        ('in_store', 'S', 100, 40, 13 * 3600, 10 * 3600)
        , ('website', 'W', 100, 50, 0, 24 * 3600)
        , ('phone', 'P', 12, 10, 14 * 3600, 8 * 3600)
        , ('catalog', 'C', 4, 6, 14 * 3600, 8 * 3600)
    ) AS channels (purchase_channel, letter, fewest, spread, opens, open_seconds)
)

, numbered AS (
    SELECT
        *
        , unnest(range(1, 1 + fewest + generator.pick('volume ' || letter || day_number, spread))) AS number
    FROM days
    CROSS JOIN channels
)

, named AS (
    SELECT
        *
        , letter || strftime(business_date, '%Y%m%d') || lpad(CAST(number AS VARCHAR), 4, '0') AS order_id
        , generator.slot(day_number, number) AS slot
    FROM numbered
)

SELECT
    order_id
    , slot
    , purchase_channel
    , business_date
    , business_date + to_seconds(opens + generator.pick('second ' || order_id, open_seconds)) AS ordered_at
    , 250 * generator.pick('customer ' || order_id, 12) + (slot * 83 + 60) % 250 AS customer_number
    , CASE WHEN purchase_channel = 'in_store' THEN 101 + generator.pick('store ' || order_id, 24) END AS store_id
    , CASE WHEN slot IN (50, 52) THEN 3 ELSE 1 + generator.pick('lines ' || order_id, 5) END AS line_count
FROM named
WHERE ordered_at <= generator.now_utc();


CREATE VIEW Unified_Itemized_Transactions AS
WITH lines AS (
    SELECT
        *
        , unnest(range(1, line_count + 1)) AS line_number
        , CASE WHEN slot = 52 THEN 1 ELSE line_number END AS priced_line             -- dirty: a join that fans out
        , (generator.pick('product ' || order_id, 12) + 5 * priced_line) % 12 AS product_number
        , greatest(1, generator.pick('quantity ' || order_id || '/' || priced_line, 6) - 2) AS item_quantity
    FROM generator.orders
)

, priced AS (
    SELECT
        *
        , CAST(CASE
            WHEN slot = 51 THEN -products.list_price                             -- dirty: a return, not a purchase
            ELSE products.list_price
        END AS DECIMAL(10, 2)) AS item_price
    FROM lines
    INNER JOIN generator.products AS products ON lines.product_number = products.n
)

SELECT
    CASE
        WHEN slot = 60 THEN NULL                                                 -- dirty: nobody was asked
        WHEN slot = 61 THEN CAST(CAST(md5('gone ' || order_id) AS UUID) AS VARCHAR)   -- dirty: no such customer
        ELSE CAST(CAST(md5('customer ' || customer_number) AS UUID) AS VARCHAR)
    END AS amperity_id
    , order_id
    , CASE
        WHEN slot = 10 THEN NULL                                                 -- dirty: the till lost the time
        WHEN slot = 50 AND line_number = 2 THEN NULL                             -- dirty: one bad line among good
        WHEN slot = 20 THEN ordered_at + INTERVAL 365 DAY                        -- dirty: a clock a year ahead
        WHEN slot = 30 THEN ordered_at - INTERVAL 45 DAY                         -- dirty: uploaded weeks late
        WHEN slot = 70 THEN ordered_at + to_seconds(20 * line_number)            -- dirty: each line its own time
        ELSE ordered_at
    END AS order_datetime
    , business_date
    , purchase_channel
    , store_id
    , line_number
    , product_id
    , product_name
    , product_category
    , product_brand
    , item_price
    , item_quantity
    , CAST(item_price * item_quantity AS DECIMAL(12, 2)) AS item_revenue
    , CASE
        WHEN slot = 40 THEN 'US$'                                                -- dirty: not a currency code
        WHEN slot = 41 THEN 'LKR'                                                -- a currency TikTok does not list
        WHEN slot = 42 THEN ''                                                   -- dirty: left empty
        WHEN slot BETWEEN 43 AND 46 THEN 'usd'
        WHEN slot BETWEEN 200 AND 209 THEN 'CAD'
        ELSE 'USD'
    END AS currency
FROM priced;


-- The customers by the name that customer data platforms have for them.
CREATE VIEW Customer360 AS SELECT * FROM Merged_Customers;


-- What the shop's website collected: one row an order, as the browser sent it -------------------------------

CREATE VIEW Web_Orders AS
WITH totals AS (
    SELECT order_id, sum(item_revenue) AS merchandise
    FROM Unified_Itemized_Transactions
    WHERE purchase_channel = 'website'
    GROUP BY order_id
)

, visits AS (
    SELECT
        orders.*
        , totals.merchandise
        , customers.*
        , unnest(CASE WHEN slot = 70 THEN [0, 30] ELSE [0] END) AS sent_again_after   -- dirty: sent twice
        , CASE WHEN generator.pick('ad ' || orders.order_id, 10) < 4
            THEN 'E.C.P.' || md5('click ' || orders.order_id) || md5('ad ' || orders.order_id)
        END AS click_id
    FROM generator.orders AS orders
    INNER JOIN totals ON orders.order_id = totals.order_id
    INNER JOIN Merged_Customers AS customers
        ON customers.amperity_id = CAST(CAST(md5('customer ' || orders.customer_number) AS UUID) AS VARCHAR)
    WHERE orders.purchase_channel = 'website'
)

SELECT
    order_id
    , CASE
        WHEN slot = 10 THEN 'purchase'                                           -- dirty: names are case-sensitive
        WHEN slot = 11 THEN ''                                                   -- dirty: the tag sent no name
        WHEN slot = 12 THEN 'PlaceAnOrder'                                       -- an old name
        ELSE 'Purchase'
    END AS event_name
    , CASE
        WHEN slot = 20 THEN NULL                                                 -- dirty: no time
        WHEN slot = 21 THEN epoch_ms(ordered_at + INTERVAL 365 DAY)              -- dirty: a clock a year ahead
        WHEN slot = 22 THEN epoch_ms(ordered_at - INTERVAL 45 DAY)               -- dirty: a tab left open for weeks
        WHEN slot = 23 THEN epoch_ms(ordered_at) // 1000                         -- seconds, from an older tag
        ELSE epoch_ms(ordered_at)
    END AS client_time_ms
    , ordered_at + to_seconds(sent_again_after) AS received_at
    , CASE WHEN slot % 3 = 0 AND slot <> 60 THEN amperity_id END AS customer_id  -- of those who had logged in
    , CASE WHEN slot <> 60 THEN email END AS checkout_email                      -- dirty: neither e-mail nor phone
    , CASE WHEN slot <> 60 THEN email_2 END AS account_email
    , CASE WHEN slot <> 60 THEN phone END AS checkout_phone
    , given_name
    , surname
    , city
    , state
    , postal
    , country
    , CASE
        WHEN slot = 30 THEN NULL                                                 -- dirty: no page
        ELSE 'https://shop.example.com/checkout/thank-you?order=' || order_id
            || coalesce('&ttclid=' || click_id, '')
    END AS page_url
    , generator.one_of('referrer ' || order_id, [
        'https://shop.example.com/checkout', 'https://www.example.org/reviews?q=café', NULL
    ]) AS referrer_url
    , CASE
        WHEN slot = 40 THEN '192.168.0.17'                                       -- dirty: a private address
        WHEN slot = 41 THEN 'unknown'                                            -- dirty: no address
        WHEN slot = 42 THEN NULL
        WHEN slot BETWEEN 210 AND 239 THEN '2001:db8::' || to_hex(generator.pick('ip ' || order_id, 60000))
        ELSE '203.0.113.' || (1 + generator.pick('ip ' || order_id, 254))
    END AS ip_address
    , generator.one_of('agent ' || order_id, [
        'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
        'Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Mobile Safari/537.36',
        'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0'
    ]) AS user_agent
    , generator.one_of('locale ' || order_id, ['en-US', 'es-US', 'fr-CA']) AS locale
    , click_id AS ttclid
    , CASE WHEN generator.pick('cookie ' || order_id, 10) < 8 THEN left(md5('ttp ' || amperity_id), 27) END AS _ttp
    , slot BETWEEN 240 AND 249 AS privacy_opt_out
    , CAST(CASE
        WHEN slot = 50 THEN -4.95                                                -- dirty: a refund booked as an order
        ELSE merchandise + 4.95
    END AS DECIMAL(12, 2)) AS order_total
    , CASE
        WHEN slot = 51 THEN 'DOLLARS'                                            -- dirty: not a currency code
        WHEN slot BETWEEN 200 AND 209 THEN 'CAD'
        ELSE 'USD'
    END AS currency
    , CASE WHEN generator.pick('coupon ' || order_id, 5) = 0 THEN 'WELCOME10' END AS coupon_code
FROM visits;
