-- Customers who have spent parameters.minimum_value or more to date: the members of an audience.

SELECT
    mc.email AS EMAIL
    , mc.phone AS PHONE
FROM Merged_Customers AS mc
WHERE
    mc.lifetime_value >= {{ parameters.minimum_value }}
    AND (mc.email IS NOT NULL OR mc.phone IS NOT NULL)
