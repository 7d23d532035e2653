import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.util.Iterator;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.codehaus.janino.SimpleCompiler;

/** Compiles a source file into a jar; run by Janino itself, so that no Java compiler need be installed. */
public final class MakeJar {
  private MakeJar() {}

  /** Takes the path of the source and that of the jar. */
  public static void main(String[] arguments) throws Exception {
    SimpleCompiler compiler = new SimpleCompiler();
    FileInputStream source = new FileInputStream(arguments[0]);
    try {
      compiler.cook(arguments[0], source, "UTF-8");
    } finally {
      source.close();
    }
    JarOutputStream jar = new JarOutputStream(new FileOutputStream(arguments[1]));
    try {
      for (Iterator all = compiler.getBytecodes().entrySet().iterator(); all.hasNext(); ) {
        Map.Entry entry = (Map.Entry) all.next();
        jar.putNextEntry(new JarEntry(((String) entry.getKey()).replace('.', '/') + ".class"));
        jar.write((byte[]) entry.getValue());
        jar.closeEntry();
      }
    } finally {
      jar.close();
    }
  }
}
