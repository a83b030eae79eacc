{{ quarantined_rows(ref('base_shop__orders')) }}
