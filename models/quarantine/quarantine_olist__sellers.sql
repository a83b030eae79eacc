{{ quarantined_rows(ref('base_olist__sellers')) }}
