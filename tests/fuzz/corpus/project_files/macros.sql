{% macro cents(column) %}round({{ column }} / 100, 2){% endmacro %}
{% set stores = [1, 2] %}
SELECT 'e' || n AS event_id, {{ cents("n") }} AS value, {{ parameters.since }} AS timestamp
FROM range(10) AS t (n)
{% if parameters.since %}WHERE n IN ({% for one in stores %}{{ one }}{{ ", " if not loop.last }}{% endfor %}){% endif %}
/* a comment */
