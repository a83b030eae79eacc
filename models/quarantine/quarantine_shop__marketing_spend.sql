{{ quarantined_rows(ref('base_shop__marketing_spend')) }}
