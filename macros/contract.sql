{#- What a source's YAML says about its columns, turned into SQL: casts, reasons and masks are
    written once, there. -#}

{% macro source_contract(source_relation) %}
    {%- set wanted = (source_relation.schema, source_relation.identifier) -%}
    {%- set found = namespace(contract=none) -%}
    {%- for candidate in (graph.sources.values() if execute else []) -%}
        {%- if (candidate.source_name, candidate.name) == wanted -%}
            {%- set found.contract = candidate -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if execute and found.contract is none -%}
        {{ exceptions.raise_compiler_error(
            "No source " ~ wanted | join('.') ~ " in any _<source>__sources.yml"
        ) }}
    {%- endif -%}
    {{ return(found.contract or {'columns': {}, 'meta': {'load_kind': 'append', 'key': []}}) }}
{% endmacro %}

{#- A setting of a source, as its contract says it. -#}
{% macro source_setting(source_name, setting) -%}
    {%- set sources = graph.sources.values() if execute else [] -%}
    {%- for candidate in sources if candidate.source_name == source_name -%}
        {%- if loop.first -%}
            '{{ (candidate.source_meta or candidate.meta)[setting] }}'
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{#- A setting of the source that a column names; the fallback where no contract has it. -#}
{% macro setting_of(source_column, setting, fallback) -%}
    {%- set values = {} -%}
    {%- for candidate in (graph.get('sources', {}).values() if execute else []) -%}
        {%- set found = (candidate.source_meta or candidate.meta).get(setting) -%}
        {%- if found -%}{%- do values.update({candidate.source_name: found}) -%}{%- endif -%}
    {%- endfor -%}
    {%- if values -%}
        case {{ source_column }}
            {%- for name, value in values.items() %} when '{{ name }}' then '{{ value }}'{% endfor %}
            else '{{ fallback }}'
        end
    {%- else -%}
        '{{ fallback }}'
    {%- endif -%}
{%- endmacro %}

{#- The leaves of a contract column: a plain column is its own leaf, a struct has one per field. -#}
{% macro contract_leaves(column) %}
    {%- set data_type = column.data_type | lower | trim -%}
    {%- set pii = column.config.meta.get('pii', []) -%}
    {%- set leaves = [] -%}
    {%- if not data_type.startswith('struct') -%}
        {%- do leaves.append({
            'name': column.name,
            'value': column.name,
            'data_type': data_type,
            'is_pii': pii is sameas true,
        }) -%}
    {%- else -%}
        {%- set pattern = '(\\w+)\\s+(\\w+(?:\\(\\s*\\d+\\s*(?:,\\s*\\d+\\s*)?\\))?)\\s*(?:,|\\)|$)' -%}
        {%- set fields = modules.re.sub('^struct\\s*\\(|\\)\\s*(\\[\\])?$', '', data_type) -%}
        {%- for name, leaf_type in modules.re.findall(pattern, fields) -%}
            {%- do leaves.append({
                'name': column.name ~ '_' ~ name,
                'field': name,
                'value': column.name ~ '.' ~ name,
                'data_type': leaf_type,
                'is_pii': pii is sameas true or (pii is iterable and name in pii),
            }) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(leaves) }}
{% endmacro %}

{% macro is_list(column) %}
    {{ return(column.data_type.strip().endswith('[]')) }}
{% endmacro %}

{#- The fields of a list of structs that are not personal data. -#}
{% macro open_fields(column) %}
    {%- set leaves = contract_leaves(column) | rejectattr('is_pii') -%}
    {{ return(leaves | map(attribute='field') | list) }}
{% endmacro %}

{#- The typed columns of one contract column: structs flattened, personal data as tokens, lists
    without it. -#}
{% macro typed_columns(column, zone) -%}
    {%- set leaves = contract_leaves(column) -%}
    {%- if is_list(column) -%}
        {{ list_of_structs(column.name, open_fields(column)) }} as {{ column.name }}
    {%- else -%}
        {%- set masked = column.config.meta.get('masked', []) -%}
        {%- for leaf in leaves %}
            {%- if leaf.is_pii %}
            {{ pii_token(leaf.value) }} as {{ leaf.name }}_token
            {%- if leaf.field in masked %},
            '***' || right({{ leaf.value }}, 2) as {{ leaf.name }}_masked
            {%- endif %}
            {%- elif leaf.name == 'op' %}
            upper({{ cleaned(leaf.value) }}) as op
            {%- else %}
            {{ typed_value(leaf.value, leaf.data_type, zone) }} as {{ leaf.name }}
            {%- endif %}
            {{- "," if not loop.last }}
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}

{% macro pii_token(expression) -%}
    {{ hmac_token("lower(" ~ cleaned(expression) ~ ")") }}
{%- endmacro %}

{#- The pattern that text must have to be read as a type: it refuses what a cast would round or
    guess. -#}
{% macro type_pattern(data_type) %}
    {%- set scale = modules.re.findall(',\\s*(\\d+)', data_type) -%}
    {%- if data_type.startswith('decimal') -%}
        {{ return('^[+-]?([0-9]+([.][0-9]{0,' ~ scale[0] ~ '}0*)?|[.][0-9]{1,' ~ scale[0] ~ '}0*)$') }}
    {%- elif data_type in ('integer', 'bigint') -%}
        {{ return('^[+-]?[0-9]+([.]0*)?$') }}
    {%- elif data_type == 'double' -%}
        {{ return('^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?$') }}
    {%- elif data_type == 'boolean' -%}
        {{ return('^([tT]rue|TRUE|[fF]alse|FALSE|[tTfF01])$') }}
    {%- elif data_type == 'date' -%}
        {{ return('^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}([ T]00:00(:00([.]0+)?)?)?$') }}
    {%- elif data_type == 'timestamp' -%}
        {{ return('^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?)?$') }}
    {%- else -%}
        {{ exceptions.raise_compiler_error("Unknown data_type '" ~ data_type ~ "' in a source contract") }}
    {%- endif -%}
{% endmacro %}

{% macro typed_value(expression, data_type, zone) -%}
    {%- set text = cleaned(expression) -%}
    {%- if data_type == 'varchar' -%}
        {{ text }}
    {%- elif data_type == 'timestamp' and zone != 'UTC' -%}
        case
            when not {{ matches(text, type_pattern(data_type)) }} then null
            when {{ matches(text, '[:][0-9.]+(Z|[+-][0-9]{2}(:?[0-9]{2})?)$') }}
                then cast(try_cast({{ text }} as timestamptz) as timestamp)
            else {{ to_utc("try_cast(" ~ text ~ " as timestamp)", "'" ~ zone ~ "'") }}
        end
    {%- elif data_type == 'timestamp' -%}
        case
            when {{ matches(text, type_pattern(data_type)) }}
                then cast(try_cast({{ text }} as timestamptz) as timestamp)
        end
    {%- elif data_type in ('integer', 'bigint') -%}
        case
            when {{ matches(text, type_pattern(data_type)) }}
                then try_cast(try_cast({{ text }} as decimal(38, 0)) as {{ data_type }})
        end
    {%- else -%}
        case
            when {{ matches(text, type_pattern(data_type)) }} then try_cast({{ text }} as {{ data_type }})
        end
    {%- endif -%}
{%- endmacro %}

{#- One reason per leaf that has text its type cannot hold; the value itself stays in the raw
    content. -#}
{% macro cast_reasons(column, zone) -%}
    {%- for leaf in contract_leaves(column) if leaf.data_type != 'varchar' and not leaf.is_pii -%}
        {%- set value = "element['" ~ leaf.field ~ "']" if is_list(column) else leaf.value -%}
        {%- set is_unreadable = cleaned(value) ~ " is not null and ("
            ~ typed_value(value, leaf.data_type, zone) ~ ") is null" -%},
                case
                    {%- if is_list(column) %}
                    when {{ first_matching(column.name, is_unreadable) }} is not null
                    {%- else %}
                    when {{ is_unreadable }}
                    {%- endif %}
                        then '{{ leaf.name }}: not of type {{ leaf.data_type }}'
                end
    {%- endfor %}
{%- endmacro %}

{#- The content of a landed row, however its numbers, times and blanks are spelt: ' 1.50' and '1.5'
    are one amount. -#}
{% macro content_hash(columns, zone) -%}
    {%- set fields = {} -%}
    {%- for column in columns -%}
        {%- if is_list(column) -%}
            {%- do fields.update({column.name: column.name}) -%}
        {%- else -%}
            {%- for leaf in contract_leaves(column) -%}
                {%- set typed = "cast(" ~ typed_value(leaf.value, leaf.data_type, zone) ~ " as varchar)" -%}
                {%- set is_text = leaf.data_type == 'varchar' or leaf.is_pii -%}
                {%- do fields.update({
                    leaf.name: cleaned(leaf.value) if is_text
                        else "coalesce(" ~ typed ~ ", " ~ cleaned(leaf.value) ~ ")",
                }) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    md5({{ json_object(fields) }})
{%- endmacro %}

{#- The landed row, `_landed`, as JSON, personal data as tokens, also where it stands in a wrong
    column. -#}
{% macro raw_content(columns) -%}
    {%- set prefix = '_landed.' -%}
    {%- set fields = {} -%}
    {%- for column in columns -%}
        {%- set leaves = contract_leaves(column) -%}
        {%- if leaves | selectattr('is_pii') | list | length == 0 -%}
            {%- do fields.update({column.name: prefix ~ column.name}) -%}
        {%- elif is_list(column) -%}
            {%- do fields.update({column.name: list_of_structs(prefix ~ column.name, open_fields(column))}) -%}
        {%- else -%}
            {%- for leaf in leaves -%}
                {%- set value = pii_token(prefix ~ leaf.value) if leaf.is_pii else prefix ~ leaf.value -%}
                {%- do fields.update({leaf.name: value}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ without_addresses(json_object(fields)) }}
{%- endmacro %}
