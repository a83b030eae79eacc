{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if target.name not in ['duckdb', 'dev'] -%}
        {{ exceptions.raise_compiler_error(
            "Unknown target '" ~ target.name ~ "': this project builds on 'duckdb', or on 'dev' to try a change."
        ) }}
    {%- endif -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
