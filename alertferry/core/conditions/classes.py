"""The classes of Spark's expression tree (Catalyst, Spark 4.0) that a condition may consist of.

Full class names, because a plugin may define a class of the same short name. Everything else is refused, unknown
classes of a later Spark too. `PARSED` is what the parser may produce; `RESOLVED` and `REPLACED` what analysis may make
of it. A class belongs here only if it depends on its children alone and keeps no expression outside of them.
"""

from __future__ import annotations

_EXPRESSIONS = "org.apache.spark.sql.catalyst.expressions."
_ANALYSIS = "org.apache.spark.sql.catalyst.analysis."


def _full(names: str, package: str = _EXPRESSIONS) -> frozenset[str]:
    return frozenset(package + name for name in names.split())


ALIAS = _EXPRESSIONS + "Alias"
ATTRIBUTE = _ANALYSIS + "UnresolvedAttribute"
EXTRACT = _ANALYSIS + "UnresolvedExtractValue"
FUNCTION = _ANALYSIS + "UnresolvedFunction"
VARIABLE = _EXPRESSIONS + "UnresolvedNamedLambdaVariable"
LAMBDA = _EXPRESSIONS + "LambdaFunction"
LITERAL = _EXPRESSIONS + "Literal"
STRUCT = _EXPRESSIONS + "CreateNamedStruct"
CAST = _EXPRESSIONS + "Cast"
CONCAT = _EXPRESSIONS + "Concat"

PATTERNS = _full("Like ILike RLike")
"""Matches of a child with a pattern in the second child."""

PATTERN_LISTS = _full("LikeAll LikeAny NotLikeAll NotLikeAny")
"""Matches of a child with literal patterns kept outside of the children."""

LEAVES = _full(
    "AttributeReference CommonExpressionRef Literal NamedLambdaVariable UnresolvedNamedLambdaVariable"
) | _full("UnresolvedAttribute", _ANALYSIS)
"""Classes that never have children."""

IN_STRUCT = _full("Alias NamePlaceholder$")
"""Classes that name the fields of ``struct(...)`` and may stand nowhere else."""

_OPERATORS = _full(
    """
    Add And BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CaseWhen Cast Concat CreateNamedStruct Divide EqualNullSafe
    EqualTo GreaterThan GreaterThanOrEqual In IntegralDivide IsNotNull IsNull LessThan LessThanOrEqual Literal Lower
    Multiply Not Or Overlay Remainder ShiftLeft ShiftRight ShiftRightUnsigned StringLocate StringTrim StringTrimLeft
    StringTrimRight Substring Subtract TimestampAdd TimestampDiff UnaryMinus
    """
)

PARSED = (
    _OPERATORS
    | PATTERNS
    | PATTERN_LISTS
    | IN_STRUCT
    | _full("IsNotUnknown$$anon$2 IsUnknown$$anon$1 LambdaFunction UnaryPositive UnresolvedNamedLambdaVariable")
    | _full("UnresolvedAttribute UnresolvedExtractValue UnresolvedFunction", _ANALYSIS)
)
"""What Spark's parser may make of a condition."""

REPLACED = _full(
    """
    ArrayAppend ArrayCompact ArrayPrepend ArraySize Between DatetimeSub EqualNull Extract Get ILike Left MapContainsKey
    NullIf NullIfZero Nvl Nvl2 ParseToDate ParseToTimestamp RegExpCount RegExpSubStr Right SplitPart StringTrimBoth
    TryAdd TryDivide TryElementAt TryMod TryMultiply TrySubtract TypedNullLiteral UnaryPositive ZeroIfNull
    """
)
"""Resolved classes that Spark replaces by another expression before it runs them: that one is looked at."""

_RESOLVED_NAMES = """
    Abs Acos Acosh AddMonths Alias ArrayAggregate ArrayContains ArrayDistinct ArrayExcept ArrayExists ArrayFilter
    ArrayForAll ArrayInsert ArrayIntersect ArrayJoin ArrayMax ArrayMin ArrayPosition ArrayRemove ArrayRepeat ArraySort
    ArrayTransform ArrayUnion ArraysOverlap ArraysZip Ascii Asin Asinh Atan Atan2 Atanh AttributeReference BRound Bin
    BitLength BitwiseCount BitwiseGet Cbrt Ceil Chr Coalesce CommonExpressionDef CommonExpressionRef ConcatWs Contains
    Conv Cos Cosh Cot Crc32 CreateArray CreateMap Csc DateAdd DateAddInterval DateAddYMInterval DateDiff DateFormatClass
    DateFromUnixDate DateSub DayName DayOfMonth DayOfWeek DayOfYear DivideDTInterval DivideYMInterval ElementAt EndsWith
    EulerNumber Exp Expm1 ExtractANSIIntervalDays Factorial FindInSet Flatten Floor FromUTCTimestamp FromUnixTime
    GetArrayItem GetArrayStructFields GetMapValue GetStructField GetTimestamp Greatest Hex Hour Hypot If InitCap IsNaN
    KnownNotContainsNull LambdaFunction LastDay Least Length Levenshtein Log Log10 Log1p Log2 Logarithm MakeDate
    MakeTimestamp MapConcat MapEntries MapFilter MapFromArrays MapFromEntries MapKeys MapValues MapZipWith Md5
    MicrosToTimestamp MillisToTimestamp Minute Month MonthName MonthsBetween MultiplyDTInterval MultiplyYMInterval
    Murmur3Hash NaNvl NamedLambdaVariable NextDay OctetLength Pi Pmod Pow Quarter RegExpExtract RegExpExtractAll
    RegExpInStr Reverse Rint Round RoundCeil RoundFloor Sec Second SecondWithFraction SecondsToTimestamp Sequence Sha1
    Sha2 Signum Sin Sinh Size Slice SortArray SoundEx Sqrt StartsWith StringInstr StringLPad StringRPad StringRepeat
    StringReplace StringSpace StringSplit StringSplitSQL StringTranslate SubstringIndex SubtractDates SubtractTimestamps
    Tan Tanh TimeAdd TimestampAddYMInterval ToDegrees ToRadians ToUTCTimestamp ToUnixTimestamp TransformKeys
    TransformValues TruncDate TruncTimestamp TryEval UnBase64 Unhex UnixDate UnixMicros UnixMillis UnixSeconds
    UnixTimestamp Upper WeekDay WeekOfYear WidthBucket With XxHash64 Year YearOfWeek ZipWith
"""

RESOLVED = (_OPERATORS | PATTERNS | PATTERN_LISTS | _full(_RESOLVED_NAMES)) - _full("ILike")
"""What a condition may consist of once Spark has resolved its names and types."""

DATE_TYPES = frozenset(("date", "timestamp", "timestamp_ntz"))

PLAIN_TYPES = DATE_TYPES | frozenset(
    ("boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string", "binary")
)
"""Types, with ``decimal(p,s)``, that a CAST in a condition may name."""

_REASONS = {
    _EXPRESSIONS + "ScalarSubquery": "queries are not allowed in a condition; it sees one alert at a time",
    _EXPRESSIONS + "WindowExpression": "windows (OVER) are not allowed: a condition sees one alert at a time",
    _EXPRESSIONS + "aggregate.AggregateExpression": "aggregates are not allowed: a condition sees one alert at a time",
    ALIAS: "a condition has no name; remove 'AS name'",
    _ANALYSIS + "MultiAlias": "a condition has no name; remove 'AS name'",
    _EXPRESSIONS + "Collate": "COLLATE is not allowed in a condition",
    _EXPRESSIONS + "ScalaUDF": "user functions are not allowed in a condition",
    _EXPRESSIONS + "PythonUDF": "user functions are not allowed in a condition",
    _EXPRESSIONS + "CallMethodViaReflection": "Java code is not allowed in a condition",
    _ANALYSIS + "UnresolvedStar": "* is not allowed in a condition; name the field",
    _ANALYSIS + "UnresolvedRegex": "patterns of field names are not allowed in a condition; name the field",
    _ANALYSIS + "NamedParameter": "parameters (:name) are not allowed; write the value itself",
    _ANALYSIS + "PosParameter": "parameters (?) are not allowed; write the value itself",
    _ANALYSIS + "ExpressionWithUnresolvedIdentifier": "identifier(...) is not allowed; write the name itself",
}
_REASONS |= {_EXPRESSIONS + name: _REASONS[_EXPRESSIONS + "ScalarSubquery"] for name in ("Exists", "InSubquery")}
_NOW = "the result must not depend on when or where the job runs"
_REASONS |= {
    _EXPRESSIONS + name: _NOW
    for name in ["CurrentDate", "CurrentTimestamp", "CurrentUser", "LocalTimestamp", "Now", "CurrentTimestampLike"]
}


def why_not_class(name: str) -> str:
    """Return why an expression of this class may not be part of a condition."""
    short = name.rsplit(".", 1)[-1].partition("$")[0]
    return _REASONS.get(name, f"this kind of expression ({short}) is not allowed in a condition")
