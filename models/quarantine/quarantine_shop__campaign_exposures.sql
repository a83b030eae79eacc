{{ quarantined_rows(ref('base_shop__campaign_exposures')) }}
