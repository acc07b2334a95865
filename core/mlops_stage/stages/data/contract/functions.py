"""What a contract's query may call: functions whose answer follows from the cells alone, not from chance, clock, settings or the order of threads."""

from __future__ import annotations

_AGGREGATES = """
count count_star count_if countif sum sum_no_overflow fsum kahan_sum sumkahan avg mean favg min max product bool_and bool_or bit_and bit_or bit_xor
median quantile quantile_cont quantile_disc mad stddev stddev_samp stddev_pop variance var_samp var_pop sem skewness kurtosis kurtosis_pop entropy
corr covar_samp covar_pop regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy arg_min arg_max argmin argmax
min_by max_by arg_min_null arg_max_null list array_agg string_agg group_concat listagg histogram histogram_exact geomean geometric_mean weighted_avg wavg
"""
_WINDOWS = "row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value"
_NUMBERS = """
+ - * / // % ** ^ & | << >> ~ @ ! !__postfix add subtract multiply divide mod fmod pow power abs sign signbit ceil ceiling floor round round_even trunc even sqrt cbrt exp ln log
log2 log10 sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh cot degrees radians pi gcd lcm greatest_common_divisor least_common_multiple
factorial gamma lgamma isnan isinf isfinite greatest least bit_count xor nextafter equi_width_bins
"""
_TEXTS = """
|| concat concat_ws ~~ !~~ ~~* !~~* ~~~ ~ !~ ^@ like_escape not_like_escape ilike_escape not_ilike_escape length len strlen char_length character_length bit_length
octet_length length_grapheme lower lcase upper ucase trim ltrim rtrim lpad rpad left right left_grapheme right_grapheme substr substring substring_grapheme
overlay replace reverse repeat translate contains starts_with prefix ends_with suffix instr strpos position ascii unicode ord chr
split str_split string_split string_to_array str_split_regex string_split_regex regexp_split_to_array split_part regexp_matches regexp_full_match
regexp_extract regexp_extract_all regexp_replace regexp_escape strip_accents nfc_normalize levenshtein editdist3 damerau_levenshtein hamming
mismatches jaccard jaro_similarity jaro_winkler_similarity format printf bar hex to_hex unhex from_hex bin to_binary base64 to_base64 from_base64 encode
decode md5 sha1 sha256 url_encode url_decode to_base
"""
_TIMES = """
date_part datepart date_trunc datetrunc date_diff datediff date_sub datesub date_add time_bucket year month day hour minute second millisecond microsecond
millennium century decade quarter week weekofyear weekday dayofweek isodow dayofmonth dayofyear yearweek isoyear era julian epoch epoch_ms epoch_us epoch_ns
dayname monthname last_day make_date make_time make_timestamp make_timestamp_ms make_timestamp_ns to_timestamp strftime strptime try_strptime timezone
timezone_hour timezone_minute to_years to_months to_weeks to_days to_hours to_minutes to_seconds to_milliseconds to_microseconds to_quarters to_decades
to_centuries to_millennia
"""
_NESTED = """
list_value list_pack array_value unnest list_transform list_apply array_transform array_apply apply list_filter array_filter filter list_reduce array_reduce
reduce list_contains list_has array_contains array_has list_has_any array_has_any list_has_all array_has_all list_position list_indexof array_position
array_indexof list_extract list_element array_extract list_slice array_slice list_concat list_cat array_concat array_cat list_append array_append list_prepend
array_prepend list_distinct array_distinct list_unique array_unique list_sort array_sort list_reverse_sort array_reverse_sort list_reverse array_reverse
list_sum list_avg list_min list_max list_count list_median list_product list_bool_and list_bool_or list_intersect array_intersect list_zip array_zip
list_resize array_resize list_where array_length cardinality flatten struct_pack row struct_extract map map_keys map_values
map_entries map_extract element_at map_contains json json_valid json_type json_array_length json_keys json_extract json_extract_path json_extract_string
json_extract_path_text json_contains json_exists json_structure json_value -> ->> array_to_string @> <@ && list_cosine_similarity list_dot_product
list_inner_product list_distance
"""
_CHOICES = "coalesce if ifnull nullif constant_or_null typeof"
FUNCTIONS = frozenset(f"{_AGGREGATES} {_WINDOWS} {_NUMBERS} {_TEXTS} {_TIMES} {_NESTED} {_CHOICES}".split())
"""Names in small letters, operators among them."""
TABLES = frozenset({"unnest"})
"""Functions that give rows, of what is written in the query itself; not `range`, of which a single line asks for billions."""
_WORDS = """
current_date current_time current_timestamp localtime localtimestamp current_user user session_user current_role current_catalog current_schema
"""
WORDS = frozenset(_WORDS.split())
"""Words that SQL reads as calls, where no column has the name."""
