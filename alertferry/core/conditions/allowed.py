"""The functions a condition may use, and why it may not use the others.

A function is listed if its result depends on its arguments alone (so that a retried task selects the same alerts),
if it sees one alert at a time, and if its result cannot be much larger than its arguments, or `sizes` can bound it.
Names are those of Spark 4.0's function registry.
"""

from __future__ import annotations

from collections.abc import Iterable

from alertferry.core.errors import did_you_mean

_MATHS = """
abs acos acosh asin asinh atan atan2 atanh bin bround cbrt ceil ceiling conv cos cosh cot csc degrees e exp expm1
factorial floor greatest hex hypot least ln log log10 log1p log2 mod negative pi pmod positive pow power radians rint
round sec sign signum sin sinh sqrt tan tanh try_add try_divide try_mod try_multiply try_subtract unhex width_bucket
bit_count bit_get getbit shiftleft shiftright shiftrightunsigned
"""
_CHOICES = """
between coalesce equal_null if ifnull isnan isnotnull isnull nanvl nullif nullifzero nvl nvl2 zeroifnull
bigint binary boolean date decimal double float int smallint string timestamp tinyint
"""
_TEXT = """
ascii bit_length btrim char char_length character_length chr concat concat_ws contains endswith find_in_set ilike
initcap instr lcase left len length levenshtein like locate lower lpad ltrim octet_length overlay position regexp
regexp_count regexp_extract regexp_extract_all regexp_instr regexp_like regexp_substr repeat replace reverse right
rlike rpad rtrim soundex space split split_part startswith substr substring substring_index translate trim ucase
unbase64 upper crc32 hash md5 sha sha1 sha2 xxhash64
"""
_TIMES = """
add_months date_add date_diff date_format date_from_unix_date date_part date_sub date_trunc dateadd datediff datepart
day dayname dayofmonth dayofweek dayofyear extract from_unixtime from_utc_timestamp hour last_day make_date
make_timestamp minute month monthname months_between next_day quarter second timestamp_micros timestamp_millis
timestamp_seconds to_date to_timestamp to_unix_timestamp to_utc_timestamp trunc unix_date unix_micros unix_millis
unix_seconds unix_timestamp weekday weekofyear year
"""
_COLLECTIONS = """
array array_append array_compact array_contains array_distinct array_except array_intersect array_join array_max
array_min array_position array_prepend array_remove array_repeat array_size array_union arrays_overlap arrays_zip
cardinality element_at flatten get map map_concat map_contains_key map_entries map_from_arrays map_from_entries
map_keys map_values named_struct sequence size slice sort_array struct try_element_at
"""
_HIGHER_ORDER = """
aggregate array_sort exists filter forall map_filter map_zip_with reduce transform transform_keys transform_values
zip_with
"""

HIGHER_ORDER = frozenset(_HIGHER_ORDER.split())
"""Functions that take a lambda (``x -> ...``)."""

FUNCTIONS = frozenset(f"{_MATHS} {_CHOICES} {_TEXT} {_TIMES} {_COLLECTIONS} {_HIGHER_ORDER}".split())
"""Every function a condition may call, in lower case."""

SCALAR_FUNCTIONS = frozenset(f"{_MATHS} {_TEXT} {_TIMES}".split()) - frozenset(
    ("concat", "reverse", "greatest", "least")
)
"""Functions whose result is a number, a text, a time or a list of texts, whatever their arguments are."""

_REASONS = {
    "it runs Java code": "java_method reflect try_reflect",
    "it tells where the job runs, nothing about the alert": """
        current_catalog current_database current_schema current_timezone current_user input_file_block_length
        input_file_block_start input_file_name session_user spark_partition_id user version""",
    "its result changes from run to run": """
        monotonically_increasing_id rand randn random randstr shuffle uniform uuid aes_encrypt""",
    "its result depends on when the job runs; write the date itself": """
        curdate current_date current_time current_timestamp localtimestamp now""",
    "it looks at several alerts; a condition sees one at a time": """
        any any_value approx_count_distinct approx_percentile array_agg avg bit_and bit_or bit_xor
        bitmap_construct_agg bitmap_or_agg bool_and bool_or collect_list collect_set corr count count_if
        count_min_sketch covar_pop covar_samp cume_dist dense_rank every first first_value grouping grouping_id
        histogram_numeric hll_sketch_agg hll_union_agg kurtosis lag last last_value lead listagg max max_by mean median
        min min_by mode nth_value ntile percent_rank percentile percentile_approx percentile_cont percentile_disc rank
        regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy row_number
        schema_of_variant_agg session_window skewness some std stddev stddev_pop stddev_samp string_agg sum try_avg
        try_sum var_pop var_samp variance window window_time""",
    "it makes several rows of one alert": """
        explode explode_outer inline inline_outer json_tuple posexplode posexplode_outer stack""",
    "it can stop the job": "assert_true raise_error validate_utf8",
    "it can make values of any size": "array_insert format_number format_string printf regexp_replace sentences",
    "it reads documents": """
        from_avro from_csv from_json from_protobuf from_xml get_json_object is_variant_null json_array_length
        json_object_keys parse_json parse_url schema_of_avro schema_of_csv schema_of_json schema_of_variant
        schema_of_xml str_to_map to_avro to_csv to_json to_protobuf to_variant_object to_xml try_parse_json
        try_parse_url try_variant_get variant_get xpath xpath_boolean xpath_double xpath_float xpath_int xpath_long
        xpath_number xpath_short xpath_string""",
}

FORBIDDEN = {name: reason for reason, names in _REASONS.items() for name in names.split()}
"""Functions of Spark that a condition may not call, with the reason in a few words."""

_INSTEAD = {
    "max": "for a field's own history write array_max(history.field)",
    "min": "for a field's own history write array_min(history.field)",
    "any": "for a history write exists(history, x -> ...)",
    "some": "for a history write exists(history, x -> ...)",
    "every": "for a history write forall(history, x -> ...)",
    "count": "for a history write size(history)",
    "sum": "for a history write aggregate(history.field, 0D, (total, x) -> total + x)",
}


def why_not(name: str, known: Iterable[str] = FUNCTIONS) -> str:
    """Return why a function may not be called in a condition, with what to use instead where that is known."""
    lowered = name.lower()
    if lowered in FORBIDDEN:
        instead = f"; {_INSTEAD[lowered]}" if lowered in _INSTEAD else ""
        return f"{lowered}() is not allowed in a condition: {FORBIDDEN[lowered]}{instead}"
    return f"no function '{name}' for conditions{did_you_mean(name, sorted(known))}"
