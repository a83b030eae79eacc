{# Any expression of one model, or of two. #}

{% test expression_is_true(
    model, expression, test_condition="= true", group_by_columns=None, row_condition=None
) %}
{%- set condition = "(" ~ expression ~ ") " ~ test_condition -%}
{{ dbt_expectations.failing_groups(model, expression, condition, group_by_columns, row_condition) }}
{% endtest %}

{% test expression_between(
    model, expression, min_value=None, max_value=None, group_by_columns=None, row_condition=None,
    strictly=False
) %}
{%- set condition = dbt_expectations.between(expression, min_value, max_value, strictly) -%}
{{ dbt_expectations.failing_groups(model, expression, condition, group_by_columns, row_condition) }}
{% endtest %}

{% test equal_expression(
    model, expression, compare_model=None, compare_expression=None, group_by=None,
    compare_group_by=None, row_condition=None, compare_row_condition=None, tolerance=0.0,
    tolerance_percent=None
) %}
{{ dbt_expectations.differing_groups(
    model, expression, compare_model, compare_expression, group_by, compare_group_by,
    row_condition, compare_row_condition, tolerance, tolerance_percent
) }}
{% endtest %}
