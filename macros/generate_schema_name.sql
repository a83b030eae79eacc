{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if target.name != 'duckdb' -%}
        {{ exceptions.raise_compiler_error(
            "Unknown target '" ~ target.name ~ "': this project builds on 'duckdb'."
        ) }}
    {%- endif -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
