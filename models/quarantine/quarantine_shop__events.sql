{{ quarantined_rows(ref('base_shop__events')) }}
