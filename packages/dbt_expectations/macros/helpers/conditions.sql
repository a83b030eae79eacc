{# Conditions and literals, rendered as SQL. #}

{% macro text_literal(value) %}
    {{- return("'" ~ dbt.escape_single_quotes(value | string) ~ "'") -}}
{% endmacro %}

{# A number or an expression as it is written; an ISO date, which would else be a subtraction. #}
{% macro bound(value) %}
    {%- set is_date = modules.re.match("\\d{4}-\\d{2}-\\d{2}([ T][\\d:.]+)?$", value | string) -%}
    {{- return("cast('" ~ value ~ "' as " ~ dbt.type_timestamp() ~ ")" if is_date else value) -}}
{% endmacro %}

{% macro between(expression, min_value=none, max_value=none, strictly=false) %}
    {%- if min_value is none and max_value is none -%}
        {{ exceptions.raise_compiler_error("Give min_value, max_value or both.") }}
    {%- endif -%}
    {%- set conditions = [] -%}
    {%- set equals = "" if strictly else "=" -%}
    {%- if min_value is not none -%}
        {%- set least = dbt_expectations.bound(min_value) -%}
        {%- do conditions.append("(" ~ expression ~ ") >" ~ equals ~ " " ~ least) -%}
    {%- endif -%}
    {%- if max_value is not none -%}
        {%- set most = dbt_expectations.bound(max_value) -%}
        {%- do conditions.append("(" ~ expression ~ ") <" ~ equals ~ " " ~ most) -%}
    {%- endif -%}
    {{- return(conditions | join(" and ")) -}}
{% endmacro %}

{% macro set_literal(value, quote_values) %}
    {{- return(dbt_expectations.text_literal(value) if quote_values else value) -}}
{% endmacro %}

{# True or false, never NULL: NULL is in no set. #}
{% macro in_set(expression, value_set, quote_values=true) %}
    {%- set literals = [] -%}
    {%- for value in value_set if value is not none -%}
        {%- do literals.append(dbt_expectations.set_literal(value, quote_values)) -%}
    {%- endfor -%}
    {%- if literals -%}
        ({{ expression }} is not null and {{ expression }} in ({{ literals | join(", ") }}))
    {%- else -%}
        (1 = 0)
    {%- endif -%}
{% endmacro %}

{# One condition per pattern, joined by "or" (match_on any) or "and" (match_on all). #}
{% macro joined_by_match_on(conditions, match_on) %}
    {%- if match_on not in ["any", "all"] -%}
        {{ exceptions.raise_compiler_error("match_on is any or all, not " ~ match_on ~ ".") }}
    {%- endif -%}
    {{- return(conditions | join(" and " if match_on == "all" else " or ")) -}}
{% endmacro %}

{# Is there a match anywhere in the text? #}
{% macro matches_regex(expression, regex, is_raw=false, flags="") %}
    {{- return(adapter.dispatch("matches_regex", "dbt_expectations")(
        expression, regex, is_raw, flags
    )) -}}
{% endmacro %}

{# Backslashes in a DuckDB literal stand for themselves, so is_raw changes nothing. #}
{% macro duckdb__matches_regex(expression, regex, is_raw, flags) %}
    {%- set arguments = [expression, dbt_expectations.text_literal(regex)] -%}
    {%- if flags -%}
        {%- do arguments.append(dbt_expectations.text_literal(flags)) -%}
    {%- endif -%}
    {{- return("regexp_matches(" ~ arguments | join(", ") ~ ")") -}}
{% endmacro %}

{% macro default__matches_regex(expression, regex, is_raw, flags) %}
    {%- set pattern = "(?" ~ flags ~ ")" ~ regex if flags else regex -%}
    {%- set prefix = "r" if is_raw else "" -%}
    {{- return(expression ~ " rlike " ~ prefix ~ dbt_expectations.text_literal(pattern)) -}}
{% endmacro %}

{% macro matches_regexes(column_name, regex_list, match_on, is_raw, flags, negated) %}
    {%- set conditions = [] -%}
    {%- for regex in regex_list -%}
        {%- set matched = dbt_expectations.matches_regex(column_name, regex, is_raw, flags) -%}
        {%- do conditions.append("not " ~ matched if negated else matched) -%}
    {%- endfor -%}
    {{- return(dbt_expectations.joined_by_match_on(conditions, match_on)) -}}
{% endmacro %}

{% macro matches_patterns(column_name, like_pattern_list, match_on, negated) %}
    {%- set conditions = [] -%}
    {%- set operator = " not like " if negated else " like " -%}
    {%- for pattern in like_pattern_list -%}
        {%- set literal = dbt_expectations.text_literal(pattern) -%}
        {%- do conditions.append(column_name ~ operator ~ literal) -%}
    {%- endfor -%}
    {{- return(dbt_expectations.joined_by_match_on(conditions, match_on)) -}}
{% endmacro %}
