-- What was bought on the website in the last days (parameters.days), one row for each order.
--
-- The columns keep the warehouse's names: templates/web_events.yaml says which parameter each one fills.
-- Visitors who opted out are not sent at all; limited_data_use at the destination restricts what TikTok may do
-- with the others. The collector sometimes stores an order twice: the second row is skipped as a duplicate.

SELECT
    wo.order_id
    , wo.event_name
    , wo.client_time_ms                          -- Unix milliseconds, from the browser's clock
    , wo.checkout_email
    , wo.account_email
    , wo.checkout_phone
    , wo.customer_id
    , wo.given_name
    , wo.surname
    , wo.city
    , wo.state
    , wo.postal
    , wo.country
    , wo.page_url
    , wo.referrer_url
    , wo.ip_address
    , wo.user_agent
    , wo.locale
    , wo.ttclid                                  -- the click on the advertisement
    , wo._ttp                                    -- the cookie of TikTok's pixel
    , wo.order_total
    , wo.currency
    , wo.coupon_code
FROM Web_Orders AS wo
WHERE
    wo.received_at >= current_date - {{ parameters.days }}
    AND NOT wo.privacy_opt_out
ORDER BY wo.received_at, wo.order_id
