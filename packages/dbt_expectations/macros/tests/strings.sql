{# Lengths and patterns of text. #}

{% test expect_column_value_lengths_to_be_between(
    model, column_name, min_value=None, max_value=None, row_condition=None, strictly=False
) %}
{%- set length = "length(" ~ column_name ~ ")" -%}
{%- set condition = dbt_expectations.between(length, min_value, max_value, strictly) -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{% test expect_column_value_lengths_to_equal(model, column_name, value, row_condition=None) %}
{%- set condition = "length(" ~ column_name ~ ") = " ~ value -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{% test expect_column_values_to_match_regex(
    model, column_name, regex, row_condition=None, is_raw=False, flags=""
) %}
{%- set condition = dbt_expectations.matches_regex(column_name, regex, is_raw, flags) -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_match_regex(
    model, column_name, regex, row_condition=None, is_raw=False, flags=""
) %}
{%- set condition = "not " ~ dbt_expectations.matches_regex(column_name, regex, is_raw, flags) -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{% test expect_column_values_to_match_regex_list(
    model, column_name, regex_list, match_on="any", row_condition=None, is_raw=False, flags=""
) %}
{%- set condition = dbt_expectations.matches_regexes(
    column_name, regex_list, match_on, is_raw, flags, negated=false
) -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{# match_on any: at least one regex does not match; all: none matches. #}
{% test expect_column_values_to_not_match_regex_list(
    model, column_name, regex_list, match_on="any", row_condition=None, is_raw=False, flags=""
) %}
{%- set condition = dbt_expectations.matches_regexes(
    column_name, regex_list, match_on, is_raw, flags, negated=true
) -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{% test expect_column_values_to_match_like_pattern(
    model, column_name, like_pattern, row_condition=None
) %}
{%- set condition = dbt_expectations.matches_patterns(
    column_name, [like_pattern], "any", negated=false
) -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_match_like_pattern(
    model, column_name, like_pattern, row_condition=None
) %}
{%- set condition = dbt_expectations.matches_patterns(
    column_name, [like_pattern], "any", negated=true
) -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{% test expect_column_values_to_match_like_pattern_list(
    model, column_name, like_pattern_list, match_on="any", row_condition=None
) %}
{%- set condition = dbt_expectations.matches_patterns(
    column_name, like_pattern_list, match_on, negated=false
) -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{# match_on any: at least one pattern does not match; all: none matches. #}
{% test expect_column_values_to_not_match_like_pattern_list(
    model, column_name, like_pattern_list, match_on="any", row_condition=None
) %}
{%- set condition = dbt_expectations.matches_patterns(
    column_name, like_pattern_list, match_on, negated=true
) -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}
