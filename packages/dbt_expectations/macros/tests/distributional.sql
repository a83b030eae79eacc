{# Distributions: outliers, and periods without data. #}

{# With group_by the column is summed for each group, and the sums are compared. #}
{% test expect_column_values_to_be_within_n_stdevs(
    model, column_name, group_by=None, sigma_threshold=3
) %}
with metrics as (
    select
        {{ dbt_expectations.group_columns(group_by) }}
        {{ "sum(" ~ column_name ~ ")" if group_by else column_name }} as metric
    from {{ model }}
    {{ dbt_expectations.group_rows(group_by) }}
),

distribution as (
    select
        *,
        avg(metric) over () as metric_average,
        stddev_samp(metric) over () as metric_stdev
    from metrics
),

distances as (
    select
        *,
        (metric - metric_average) / nullif(metric_stdev, 0) as metric_sigma
    from distribution
)

select *
from distances
where abs(metric_sigma) > {{ sigma_threshold }}
{% endtest %}

{#
    The column is summed for each group and period. Its value (or its difference from
    lookback_periods before, of logarithms or of the sums) is compared with mean and deviation of
    the trend_periods rows before it. Tested are the last test_periods complete periods: up to
    yesterday for days, or up to the last period with data where that is earlier.
#}
{% test expect_column_values_to_be_within_n_moving_stdevs(
    model, column_name, date_column_name, group_by=None, period="day", lookback_periods=1,
    trend_periods=7, test_periods=14, sigma_threshold=3, sigma_threshold_upper=None,
    sigma_threshold_lower=None, take_diffs=true, take_logs=true
) %}
{%- set upper = sigma_threshold if sigma_threshold_upper is none else sigma_threshold_upper -%}
{%- set lower = -sigma_threshold if sigma_threshold_lower is none else sigma_threshold_lower -%}
{%- set period_start = dbt_expectations.period_start(period, date_column_name) -%}
{%- set by_period -%}
    {{ dbt_expectations.partition_rows(group_by) }} order by metric_period
{%- endset -%}
with metrics as (
    select
        {{ dbt_expectations.group_columns(group_by) }}
        {{ period_start }} as metric_period,
        sum({{ column_name }}) as metric
    from {{ model }}
    where {{ date_column_name }} is not null
    group by {{ dbt_expectations.group_columns(group_by) }} {{ period_start }}
),

scaled_metrics as (
    select
        *,
        {{ "case when metric > 0 then ln(metric) end" if take_logs else "metric" }}
            as scaled_metric
    from metrics
),

tested_metrics as (
    select
        *,
        scaled_metric
            {% if take_diffs -%}
            - lag(scaled_metric, {{ lookback_periods }}) over ({{ by_period }})
            {%- endif %} as tested_metric
    from scaled_metrics
),

trends as (
    select
        *,
        avg(tested_metric) over (
            {{ by_period }}
            rows between {{ trend_periods }} preceding and 1 preceding
        ) as trend_average,
        stddev_samp(tested_metric) over (
            {{ by_period }}
            rows between {{ trend_periods }} preceding and 1 preceding
        ) as trend_stdev,
        least(
            {{ dbt_expectations.period_start(period, dbt_expectations.now()) }},
            {{ dbt.dateadd(period, 1, "max(metric_period) over ()") }}
        ) as test_end
    from tested_metrics
),

distances as (
    select
        *,
        (tested_metric - trend_average) / nullif(trend_stdev, 0) as metric_sigma
    from trends
)

select *
from distances
where
    metric_period >= {{ dbt.dateadd(period, "-" ~ test_periods, "test_end") }}
    and metric_period < test_end
    and not (metric_sigma >= {{ lower }} and metric_sigma <= {{ upper }})
{% endtest %}

{#
    Periods start with the first date of the data or the period of test_start_date, and end with
    the last date or before test_end_date. exclusion_condition is a condition on date_<date_part>,
    the start of the missing period, that keeps the failures: not (date_day = '2024-12-25').
    A table without any date fails with one row whose period is NULL.
#}
{% test expect_row_values_to_have_data_for_every_n_datepart(
    model, date_col, date_part="day", interval=None, row_condition=None,
    exclusion_condition=None, test_start_date=None, test_end_date=None
) %}
{%- set period = "date_" ~ date_part -%}
{%- set step = interval or 1 -%}
{%- set start_date = "'" ~ test_start_date ~ "'" -%}
{%- set end_date = dbt_expectations.as_timestamp("'" ~ test_end_date ~ "'") -%}
with dated_rows as (
    select
        {{ dbt_expectations.period_start(date_part, date_col) }} as {{ period }},
        count(*) as row_count
    from {{ model }}
    where
        {{ date_col }} is not null
        {% if row_condition %}and ({{ row_condition }}){% endif %}
    group by {{ dbt_expectations.period_start(date_part, date_col) }}
),

tested_range as (
    select
        {% if test_start_date -%}
        {{ dbt_expectations.period_start(date_part, start_date) }}
        {%- else -%}
        (select min({{ period }}) from dated_rows)
        {%- endif %} as first_period,
        {% if test_end_date -%}
        {{ end_date }}
        {%- else -%}
        (select max({{ period }}) from dated_rows)
        {%- endif %} as last_period
),

periods as (
    select
        {{ dbt_expectations.timestamps_between("first_period", "last_period", date_part, step) }}
            as {{ period }}
    from tested_range
),

filled_periods as (
    select
        periods.{{ period }},
        coalesce(sum(dated_rows.row_count), 0) as row_count
    from periods
    left join dated_rows
        on dated_rows.{{ period }} >= periods.{{ period }}
        and dated_rows.{{ period }} < {{ dbt.dateadd(date_part, step, "periods." ~ period) }}
    {% if test_end_date %}where periods.{{ period }} < {{ end_date }}{% endif %}
    group by periods.{{ period }}
)

select *
from filled_periods
where
    row_count = 0
    {% if exclusion_condition %}and ({{ exclusion_condition }}){% endif %}
union all
select
    cast(null as {{ dbt.type_timestamp() }}),
    0
from tested_range
where first_period is null or last_period is null
{% endtest %}
