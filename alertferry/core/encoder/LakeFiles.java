package alertferry;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.execution.datasources.FileStatusCache;
import org.apache.spark.sql.execution.datasources.InMemoryFileIndex;
import org.apache.spark.sql.execution.datasources.PartitionPath;
import org.apache.spark.sql.execution.datasources.PartitionSpec;
import org.apache.spark.sql.types.StructType;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Lists the nights of a lake on any Hadoop filesystem, reads the ends of its files, and tells Spark which files there
 * are: many at a time, and with one answer for all, where Python would ask for each of them by itself.
 *
 * <p>The rule of what is a night's file stands in <code>lake_files.py</code>, which follows it on a local disk. Texts
 * that go back and forth are fields with a zero character between them, which no name of a file can hold.
 *
 * <p>To be understood by Janino, the compiler that Spark brings: no lambdas, and casts where others infer types.
 */
public final class LakeFiles {
  private static final Pattern NUMBERED = Pattern.compile("(year|month|day)=([0-9]{1,4})", Pattern.CASE_INSENSITIVE);
  private static final String[] LEVELS = {"year", "month", "day"};
  private static final int DEEPEST = 16;
  private static final int THREADS = 32;
  private static final int TAIL_BYTES = 64 * 1024;
  private static final int MOST_FOOTER_BYTES = 64 * 1024 * 1024;

  /** Statuses that are kept at least until the next listing; more are forgotten by it. */
  private static final int KEPT = 100000;

  /**
   * Files of the last listings by path: with them Spark knows where blocks are, and object stores need not be asked for
   * lengths again. Several threads list and read.
   */
  private final Map statuses = new ConcurrentHashMap();

  /**
   * Returns the files of nights: for each its night, path, size, and time of change in milliseconds since 1970.
   *
   * @param nights those wanted, as <code>2026-03-01</code>
   */
  public String list(final Configuration conf, String root, String nights) throws Exception {
    Path top = new Path(root);
    final FileSystem files = top.getFileSystem(conf);
    List tasks = new ArrayList();
    for (Iterator all = folders(files, top, new TreeSet(Arrays.asList(nights.split("\0")))).iterator(); all.hasNext(); ) {
      final Object[] folder = (Object[]) all.next();
      tasks.add(
          new Callable() {
            @Override
            public Object call() throws Exception {
              List found = new ArrayList();
              below(files, (Path) folder[1], DEEPEST, found);
              return new Object[] {folder[0], found};
            }
          });
    }
    List folders = inParallel(tasks);
    if (statuses.size() > KEPT) {
      statuses.clear();
    }
    StringBuilder text = new StringBuilder();
    for (Iterator all = folders.iterator(); all.hasNext(); ) {
      Object[] item = (Object[]) all.next();
      for (Iterator each = ((List) item[1]).iterator(); each.hasNext(); ) {
        FileStatus status = (FileStatus) each.next();
        String path = status.getPath().toString();
        statuses.put(path, status);
        put(text, item[0]);
        put(text, path);
        put(text, Long.valueOf(status.getLen()));
        put(text, Long.valueOf(status.getModificationTime()));
      }
    }
    return text.toString();
  }

  /** Returns a file as it was listed: what Hadoop said of it if that was this file, which may have been written again. */
  private FileStatus listed(String path, String size, String changed) {
    FileStatus status = (FileStatus) statuses.get(path);
    long length = Long.parseLong(size);
    long time = Long.parseLong(changed);
    if (status == null || status.getLen() != length || status.getModificationTime() != time) {
      status = new FileStatus(length, false, 1, 128L * 1024 * 1024, time, new Path(path));
    }
    return status;
  }

  /** Returns (night, path) of the folders of wanted nights, entering only those on the way. */
  private static List folders(FileSystem files, Path top, TreeSet nights) throws Exception {
    List places = new ArrayList();
    places.add(new Object[] {"", top});
    for (int level = 0; level < LEVELS.length; level++) {
      List deeper = new ArrayList();
      for (Iterator all = places.iterator(); all.hasNext(); ) {
        Object[] place = (Object[]) all.next();
        FileStatus[] entries = files.listStatus((Path) place[1]);
        for (int i = 0; i < entries.length; i++) {
          Matcher match = NUMBERED.matcher(entries[i].getPath().getName());
          if (match.matches() && match.group(1).equalsIgnoreCase(LEVELS[level]) && entries[i].isDirectory()) {
            int number = Integer.parseInt(match.group(2));
            String start = level == 0 ? padded(number, 4) : place[0] + "-" + padded(number, 2);
            String next = (String) nights.ceiling(start);
            if (next != null && (level == 2 ? next.equals(start) : next.startsWith(start + "-"))) {
              deeper.add(new Object[] {start, entries[i].getPath()});
            }
          }
        }
      }
      places = deeper;
    }
    return places;
  }

  private static String padded(int number, int digits) {
    StringBuilder text = new StringBuilder(Integer.toString(number));
    while (text.length() < digits) {
      text.insert(0, '0');
    }
    return text.toString();
  }

  private static void below(FileSystem files, Path folder, int depth, List found) throws Exception {
    RemoteIterator entries = files.listLocatedStatus(folder);
    while (entries.hasNext()) {
      FileStatus entry = (FileStatus) entries.next();
      if (isHidden(entry.getPath().getName())) {
        continue;
      }
      if (!entry.isDirectory()) {
        found.add(entry);
      } else if (depth == 0) {
        throw new IllegalStateException(folder + " is nested too deeply: does a link in it lead back? remove it");
      } else {
        below(files, entry.getPath(), depth - 1, found);
      }
    }
  }

  private static boolean isHidden(String name) {
    return name.startsWith(".") || (name.startsWith("_") && name.indexOf('=') < 0) || name.endsWith("._COPYING_");
  }

  /**
   * Returns what the footers of files say.
   *
   * @param text for each file path, size, and time of change in milliseconds since 1970
   * @return for each file the number of its alerts and of its schema; or the reason why there is none, and -1. Then the
   *     schemas, as Base64.
   */
  public String footers(final Configuration conf, String text) throws Exception {
    String[] fields = text.split("\0");
    List tasks = new ArrayList();
    for (int i = 0; i + 2 < fields.length; i += 3) {
      final FileStatus status = listed(fields[i], fields[i + 1], fields[i + 2]);
      tasks.add(
          new Callable() {
            @Override
            public Object call() throws Exception {
              return footer(conf, status);
            }
          });
    }
    Map numbers = new LinkedHashMap();
    StringBuilder found = new StringBuilder();
    for (Iterator all = inParallel(tasks).iterator(); all.hasNext(); ) {
      Object[] item = (Object[]) all.next();
      put(found, item[0]);
      if (item[1] != null && !numbers.containsKey(item[1])) {
        numbers.put(item[1], Integer.valueOf(numbers.size()));
      }
      put(found, item[1] == null ? Integer.valueOf(-1) : numbers.get(item[1]));
    }
    for (Iterator all = numbers.keySet().iterator(); all.hasNext(); ) {
      put(found, Base64.getEncoder().encodeToString(((String) all.next()).getBytes(StandardCharsets.ISO_8859_1)));
    }
    return found.toString();
  }

  /** Returns the number of alerts and the bytes of the schema as Latin-1; or a reason and null. */
  private static Object[] footer(Configuration conf, FileStatus status) throws Exception {
    if (status.getLen() < 12) {
      return new Object[] {"is too short", null};
    }
    FileSystem files = status.getPath().getFileSystem(conf);
    FSDataInputStream stream =
        (FSDataInputStream) files.openFile(status.getPath()).withFileStatus(status).build().get();
    try {
      byte[] tail = end(stream, status.getLen(), (int) Math.min(status.getLen(), (long) TAIL_BYTES));
      String mark = new String(tail, tail.length - 4, 4, StandardCharsets.ISO_8859_1);
      if (!mark.equals("PAR1")) {
        return new Object[] {mark.equals("PARE") ? "encrypted" : "does not end as one", null};
      }
      long size = 0;
      for (int i = 5; i <= 8; i++) {
        size = size * 256 + (tail[tail.length - i] & 255);
      }
      if (size + 12 > status.getLen() || size > MOST_FOOTER_BYTES) {
        return new Object[] {"its footer is longer than the file", null};
      }
      if (size + 8 > tail.length) {
        tail = end(stream, status.getLen(), (int) size + 8);
      }
      return new Thrift(tail, tail.length - 8 - (int) size).firstFields();
    } finally {
      stream.close();
    }
  }

  private static byte[] end(FSDataInputStream stream, long length, int size) throws Exception {
    byte[] found = new byte[size];
    stream.readFully(length - size, found);
    return found;
  }

  /**
   * Returns Spark's view of some files, which lists nothing by itself, and is held against them: they are the ones that
   * a scan of it reads.
   *
   * @param text for each file year, month, day, path, size, and time of change in milliseconds since 1970
   * @param nights the types of the first three
   */
  public InMemoryFileIndex index(SparkSession session, String text, StructType nights) {
    Known known = new Known();
    Map partitions = new LinkedHashMap();
    String[] fields = text.split("\0");
    for (int i = 0; i + 5 < fields.length; i += 6) {
      FileStatus status = listed(fields[i + 3], fields[i + 4], fields[i + 5]);
      Path folder = status.getPath().getParent();
      if (!partitions.containsKey(folder)) {
        Object[] night = {Integer.valueOf(fields[i]), Integer.valueOf(fields[i + 1]), Integer.valueOf(fields[i + 2])};
        partitions.put(folder, new PartitionPath(new GenericInternalRow(night), folder));
        known.folders.put(folder, new ArrayList());
      }
      ((List) known.folders.get(folder)).add(status);
    }
    PartitionSpec spec = new PartitionSpec(nights, CollectionConverters.asScala(new ArrayList(partitions.values())).toSeq());
    InMemoryFileIndex index = new InMemoryFileIndex(
        session,
        CollectionConverters.asScala(new ArrayList(partitions.keySet())).toSeq(),
        scala.collection.immutable.Map$.MODULE$.empty(),
        Option.empty(),
        known,
        Option.apply(spec),
        Option.empty());
    for (Iterator all = known.folders.values().iterator(); all.hasNext(); ) {
      for (Iterator each = ((List) all.next()).iterator(); each.hasNext(); ) {
        FileStatus status = (FileStatus) each.next();
        Option seen = index.leafFiles().get(status.getPath());
        if (seen.isEmpty() || ((FileStatus) seen.get()) != status) {
          throw new IllegalStateException(status.getPath().toString());
        }
      }
    }
    if (index.leafFiles().size() != fields.length / 6) {
      throw new IllegalStateException(index.leafFiles().size() + " files instead of " + fields.length / 6);
    }
    return index;
  }

  private static void put(StringBuilder text, Object value) {
    text.append(value).append('\0');
  }

  private static List inParallel(List tasks) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    try {
      List found = new ArrayList();
      for (Iterator all = pool.invokeAll(tasks).iterator(); all.hasNext(); ) {
        found.add(((Future) all.next()).get());
      }
      return found;
    } catch (ExecutionException failed) {
      throw failed.getCause() instanceof Exception ? (Exception) failed.getCause() : failed;
    } finally {
      pool.shutdownNow();
    }
  }

  /** Folders whose files are known. */
  private static final class Known extends FileStatusCache {
    final Map folders = new HashMap();

    @Override
    public Option getLeafFiles(Path path) {
      List found = (List) folders.get(path);
      return found == null ? Option.empty() : Option.apply(found.toArray(new FileStatus[0]));
    }

    @Override
    public void putLeafFiles(Path path, FileStatus[] files) {}

    @Override
    public void invalidateAll() {}
  }

  /** The little of Thrift's compact protocol that it takes to find schema and rows in a footer. */
  private static final class Thrift {
    private final byte[] data;
    private int position;

    Thrift(byte[] data, int position) {
      this.data = data;
      this.position = position;
    }

    Object[] firstFields() {
      String schema = null;
      int number = 0;
      try {
        while (true) {
          int head = next();
          if (head == 0) {
            break;
          }
          number = (head >> 4) != 0 ? number + (head >> 4) : (int) zigzag();
          int start = position;
          if (number == 3 && schema != null && (head & 15) >= 4 && (head & 15) <= 6) {
            long alerts = zigzag();
            if (alerts >= 0) {
              return new Object[] {Long.valueOf(alerts), schema};
            }
            break;
          }
          pass(head & 15, 0);
          if (number == 2) {
            schema = new String(data, start, position - start, StandardCharsets.ISO_8859_1);
          }
        }
      } catch (IndexOutOfBoundsException broken) {
        // told below
      }
      return new Object[] {"its footer cannot be understood", null};
    }

    private void pass(int kind, int depth) {
      if (depth > 100) {
        throw new IndexOutOfBoundsException();
      }
      switch (kind) {
        case 1:
        case 2:
          break;
        case 3:
          position++;
          break;
        case 4:
        case 5:
        case 6:
          zigzag();
          break;
        case 7:
          position += 8;
          break;
        case 8:
          long size = varint();
          if (size < 0 || size > data.length - position) {
            throw new IndexOutOfBoundsException();
          }
          position += (int) size;
          break;
        case 9:
        case 10:
          int head = next();
          long count = (head >> 4) < 15 ? head >> 4 : varint();
          for (long i = 0; i < count; i++) {
            if ((head & 15) < 3) {
              next();
            } else {
              pass(head & 15, depth + 1);
            }
          }
          break;
        case 12:
          for (int field = next(); field != 0; field = next()) {
            if ((field >> 4) == 0) {
              zigzag();
            }
            pass(field & 15, depth + 1);
          }
          break;
        default:
          throw new IndexOutOfBoundsException();
      }
    }

    private int next() {
      return data[position++] & 255;
    }

    private long varint() {
      long value = 0;
      for (int shift = 0; shift < 64; shift += 7) {
        int each = next();
        value |= (long) (each & 127) << shift;
        if (each < 128) {
          return value;
        }
      }
      throw new IndexOutOfBoundsException();
    }

    private long zigzag() {
      long value = varint();
      return (value >>> 1) ^ -(value & 1);
    }
  }
}
