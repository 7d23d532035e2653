package alertferry;

import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.MapData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Writes rows of Spark as Avro without a header, straight from where Spark holds their values.
 *
 * <p>The bytes are those of Spark's own <code>to_avro</code> for the schema that Spark itself makes of the same type:
 * the binary encoding of the Avro specification 1.12, arrays and maps in one block each, maps in the order of a Java
 * <code>HashMap</code>. Every task has its own encoder; it is not for several threads.
 *
 * <p>To be understood by Janino, the compiler that Spark brings: no lambdas, and casts where others infer types.
 */
public final class AvroEncoder implements Serializable {
  private static final long serialVersionUID = 1L;

  private final String type;
  private final String schema;
  private transient Output output;
  private transient RecordWriter packet;

  /**
   * @param type what the rows are: a <code>StructType</code> of Spark as JSON
   * @param schema the Avro schema to write, as JSON: what <code>SchemaConverters.toAvroType</code> makes of the type,
   *     where a field may allow null that never is
   * @throws IllegalArgumentException if the two do not belong together, or a type is none of those known here
   */
  public AvroEncoder(String type, String schema) {
    this.type = type;
    this.schema = schema;
    prepare(); // on the driver, to refuse what cannot be written before a task begins
  }

  private void prepare() {
    Schema parsed = new Schema.Parser().parse(schema);
    packet = new RecordWriter(parsed, (StructType) DataType.fromJson(type), "");
    output = new Output();
  }

  /** Returns the packet of one row. */
  public byte[] encode(InternalRow row) {
    if (packet == null) {
      prepare();
    }
    output.clear();
    packet.putFields(output, row);
    return output.toBytes();
  }

  /** What stands for it in the text of a plan. */
  @Override
  public String toString() {
    return "AvroEncoder";
  }

  /** Bytes that grow. */
  private static final class Output {
    private byte[] bytes = new byte[1 << 16];
    private int length = 0;

    void clear() {
      length = 0;
    }

    byte[] toBytes() {
      return Arrays.copyOf(bytes, length);
    }

    private void reserve(int more) {
      if (bytes.length - length < more) {
        int needed = Math.addExact(length, more);
        bytes = Arrays.copyOf(bytes, (int) Math.min(Math.max(2L * bytes.length, needed), Integer.MAX_VALUE - 8));
      }
    }

    void put(int octet) {
      reserve(1);
      bytes[length++] = (byte) octet;
    }

    /** Writes a whole number as zigzag in base 128; int and long look alike. */
    void putNumber(long value) {
      reserve(10);
      long rest = (value << 1) ^ (value >> 63);
      byte[] to = bytes;
      int at = length;
      while ((rest & ~0x7FL) != 0) {
        to[at++] = (byte) (rest | 0x80);
        rest >>>= 7;
      }
      to[at++] = (byte) rest;
      length = at;
    }

    void putFixed(int value) {
      reserve(4);
      byte[] to = bytes;
      int at = length;
      to[at] = (byte) value;
      to[at + 1] = (byte) (value >> 8);
      to[at + 2] = (byte) (value >> 16);
      to[at + 3] = (byte) (value >> 24);
      length = at + 4;
    }

    void putFixed(long value) {
      putFixed((int) value);
      putFixed((int) (value >> 32));
    }

    void putText(UTF8String text) {
      int size = text.numBytes();
      putNumber(size);
      reserve(size);
      text.writeToMemory(bytes, Platform.BYTE_ARRAY_OFFSET + (long) length);
      length += size;
    }

    void putBytes(byte[] from) {
      putNumber(from.length);
      reserve(from.length);
      System.arraycopy(from, 0, bytes, length, from.length);
      length += from.length;
    }
  }

  /** Writes the values of one place in the schema. */
  private abstract static class Writer {
    String place;
    int valueBranch = -1; // of a union with null; -1 where the schema has none
    int nullBranch = -1;

    final void write(Output to, SpecializedGetters from, int index) {
      if (valueBranch < 0) {
        if (from.isNullAt(index)) {
          throw new IllegalStateException(place + " is null, which the schema of the packets does not allow");
        }
      } else if (from.isNullAt(index)) {
        to.put(nullBranch << 1);
        return;
      } else {
        to.put(valueBranch << 1);
      }
      putValue(to, from, index);
    }

    /** Writes a value that is not null. */
    abstract void putValue(Output to, SpecializedGetters from, int index);
  }

  private static Writer writer(Schema schema, DataType type, String place) {
    Writer found;
    if (schema.getType() == Schema.Type.UNION) {
      Integer missing = schema.getIndexNamed("null");
      if (missing == null || schema.getTypes().size() != 2) {
        throw unknown(schema, type, place);
      }
      int present = 1 - missing.intValue();
      found = valueWriter((Schema) schema.getTypes().get(present), type, place);
      found.valueBranch = present;
      found.nullBranch = missing.intValue();
    } else {
      found = valueWriter(schema, type, place);
    }
    found.place = place;
    return found;
  }

  private static Writer valueWriter(Schema schema, DataType type, String place) {
    String known = type.typeName();
    switch (schema.getType()) {
      case BOOLEAN:
        if (known.equals("boolean")) return new BooleanWriter();
        break;
      case INT:
        if (known.equals("integer") || known.equals("date")) return new IntWriter();
        if (known.equals("short")) return new ShortWriter();
        if (known.equals("byte")) return new ByteWriter();
        break;
      case LONG:
        if (known.equals("long") || known.equals("timestamp") || known.equals("timestamp_ntz")) return new LongWriter();
        break;
      case FLOAT:
        if (known.equals("float")) return new FloatWriter();
        break;
      case DOUBLE:
        if (known.equals("double")) return new DoubleWriter();
        break;
      case STRING:
        if (known.equals("string")) return new TextWriter();
        break;
      case BYTES:
        if (known.equals("binary")) return new BytesWriter();
        break;
      case ARRAY:
        if (type instanceof ArrayType) return new ArrayWriter(schema, (ArrayType) type, place);
        break;
      case MAP:
        if (type instanceof MapType) return new MapWriter(schema, (MapType) type, place);
        break;
      case RECORD:
        if (type instanceof StructType) return new RecordWriter(schema, (StructType) type, place);
        break;
      default:
        break;
    }
    throw unknown(schema, type, place);
  }

  private static IllegalArgumentException unknown(Schema schema, DataType type, String place) {
    return new IllegalArgumentException(place + ": cannot write " + type.sql() + " as " + schema);
  }

  private static final class BooleanWriter extends Writer {
    @Override
    void putValue(Output to, SpecializedGetters from, int index) {
      to.put(from.getBoolean(index) ? 1 : 0);
    }
  }

  private static final class ByteWriter extends Writer {
    @Override
    void putValue(Output to, SpecializedGetters from, int index) {
      to.putNumber(from.getByte(index));
    }
  }

  private static final class ShortWriter extends Writer {
    @Override
    void putValue(Output to, SpecializedGetters from, int index) {
      to.putNumber(from.getShort(index));
    }
  }

  private static final class IntWriter extends Writer {
    @Override
    void putValue(Output to, SpecializedGetters from, int index) {
      to.putNumber(from.getInt(index));
    }
  }

  private static final class LongWriter extends Writer {
    @Override
    void putValue(Output to, SpecializedGetters from, int index) {
      to.putNumber(from.getLong(index));
    }
  }

  private static final class FloatWriter extends Writer {
    @Override
    void putValue(Output to, SpecializedGetters from, int index) {
      to.putFixed(Float.floatToRawIntBits(from.getFloat(index)));
    }
  }

  private static final class DoubleWriter extends Writer {
    @Override
    void putValue(Output to, SpecializedGetters from, int index) {
      to.putFixed(Double.doubleToRawLongBits(from.getDouble(index)));
    }
  }

  private static final class TextWriter extends Writer {
    @Override
    void putValue(Output to, SpecializedGetters from, int index) {
      to.putText(from.getUTF8String(index));
    }
  }

  private static final class BytesWriter extends Writer {
    @Override
    void putValue(Output to, SpecializedGetters from, int index) {
      to.putBytes(from.getBinary(index));
    }
  }

  private static final class ArrayWriter extends Writer {
    private final Writer item;

    ArrayWriter(Schema schema, ArrayType type, String place) {
      item = writer(schema.getElementType(), type.elementType(), place + "[]");
    }

    @Override
    void putValue(Output to, SpecializedGetters from, int index) {
      ArrayData items = from.getArray(index);
      int count = items.numElements();
      if (count > 0) {
        to.putNumber(count);
        for (int i = 0; i < count; i++) {
          item.write(to, items, i);
        }
      }
      to.put(0);
    }
  }

  private static final class MapWriter extends Writer {
    private final Writer value;

    MapWriter(Schema schema, MapType type, String place) {
      if (!type.keyType().typeName().equals("string")) {
        throw unknown(schema, type, place);
      }
      value = writer(schema.getValueType(), type.valueType(), place + "{}");
    }

    @Override
    void putValue(Output to, SpecializedGetters from, int index) {
      MapData map = from.getMap(index);
      ArrayData keys = map.keyArray();
      ArrayData values = map.valueArray();
      int count = map.numElements();
      HashMap places = new HashMap(count); // the order in which Spark's own encoder writes them
      for (int i = 0; i < count; i++) {
        places.put(keys.getUTF8String(i).toString(), Integer.valueOf(i));
      }
      if (count > 0) {
        to.putNumber(places.size());
        for (Iterator all = places.entrySet().iterator(); all.hasNext(); ) {
          Map.Entry entry = (Map.Entry) all.next();
          to.putBytes(((String) entry.getKey()).getBytes(StandardCharsets.UTF_8));
          value.write(to, values, ((Integer) entry.getValue()).intValue());
        }
      }
      to.put(0);
    }
  }

  private static final class RecordWriter extends Writer {
    private final Writer[] fields;

    RecordWriter(Schema schema, StructType type, String place) {
      List described = schema.getFields();
      StructField[] given = type.fields();
      if (described.size() != given.length) {
        throw unknown(schema, type, place);
      }
      fields = new Writer[given.length];
      for (int i = 0; i < given.length; i++) {
        Schema.Field field = (Schema.Field) described.get(i);
        if (!field.name().equals(given[i].name())) {
          throw unknown(schema, type, place);
        }
        String where = place.isEmpty() ? field.name() : place + "." + field.name();
        fields[i] = writer(field.schema(), given[i].dataType(), where);
      }
    }

    @Override
    void putValue(Output to, SpecializedGetters from, int index) {
      putFields(to, from.getStruct(index, fields.length));
    }

    void putFields(Output to, SpecializedGetters row) {
      for (int i = 0; i < fields.length; i++) {
        fields[i].write(to, row, i);
      }
    }
  }
}
