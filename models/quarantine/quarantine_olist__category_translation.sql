{{ quarantined_rows(ref('base_olist__category_translation')) }}
