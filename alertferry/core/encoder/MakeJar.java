import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.util.Iterator;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.codehaus.janino.SimpleCompiler;

/** Compiles source files into a jar; run by Janino itself, so that no Java compiler need be installed. */
public final class MakeJar {
  private MakeJar() {}

  /** Takes the path of the jar and those of the sources. */
  public static void main(String[] arguments) throws Exception {
    JarOutputStream jar = new JarOutputStream(new FileOutputStream(arguments[0]));
    try {
      for (int i = 1; i < arguments.length; i++) {
        compile(arguments[i], jar);
      }
    } finally {
      jar.close();
    }
  }

  private static void compile(String path, JarOutputStream jar) throws Exception {
    SimpleCompiler compiler = new SimpleCompiler();
    FileInputStream source = new FileInputStream(path);
    try {
      compiler.cook(path, source, "UTF-8");
    } finally {
      source.close();
    }
    for (Iterator all = compiler.getBytecodes().entrySet().iterator(); all.hasNext(); ) {
      Map.Entry entry = (Map.Entry) all.next();
      jar.putNextEntry(new JarEntry(((String) entry.getKey()).replace('.', '/') + ".class"));
      jar.write((byte[]) entry.getValue());
      jar.closeEntry();
    }
  }
}
