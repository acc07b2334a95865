package host;

import com.cloudbees.groovy.cps.Continuable;
import com.cloudbees.groovy.cps.CpsTransformer;
import groovy.lang.Binding;
import groovy.lang.GroovyClassLoader;
import groovy.lang.Script;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.codehaus.groovy.control.CompilationUnit;
import org.codehaus.groovy.control.CompilerConfiguration;
import org.codehaus.groovy.control.Phases;
import org.codehaus.groovy.control.customizers.ImportCustomizer;
import org.codehaus.groovy.tools.GroovyClass;

/** A pipeline and its libraries, compiled once as Jenkins compiles them; loaded anew at each restart. */
final class Program {
    static final String PIPELINE = "WorkflowScript";
    private static final Map<String, byte[]> STEPS = new LinkedHashMap<>();
    /** What is the controller's own: it is compiled once, and no pipeline brings it along. */
    private static final ClassLoader CONTROLLER = new Loader(Program.class.getClassLoader(), STEPS);
    private final Map<String, byte[]> classes = new LinkedHashMap<>();
    final Set<String> variables = new TreeSet<>();

    /** The libraries alone, for many pipelines. */
    Program(List<Path> libraries) throws IOException {
        compile("Blocks", new String(Program.class.getResourceAsStream("Blocks.groovy").readAllBytes()), null, STEPS);
        for (Path library : libraries) {
            try (Stream<Path> files = Files.list(library.resolve("vars"))) {
                for (Path file : files.filter(one -> one.toString().endsWith(".groovy")).sorted().toList()) {
                    String name = file.getFileName().toString().replace(".groovy", "");
                    if (!variables.add(name)) {
                        throw new IOException("two libraries define " + name);
                    }
                    compile(name, Files.readString(file), "Blocks", classes);
                }
            }
        }
    }

    Program(Program libraries, Path pipeline) throws IOException {
        classes.putAll(libraries.classes);
        variables.addAll(libraries.variables);
        compile(PIPELINE, Files.readString(pipeline), "Blocks", classes);
    }

    /** Each in a unit of its own: in one unit Groovy would take a variable's name for its class. */
    private static void compile(String name, String text, String base, Map<String, byte[]> classes) {
        ImportCustomizer imports = new ImportCustomizer();
        imports.addStarImports("com.cloudbees.groovy.cps");
        imports.addImports("host.Library");
        CompilerConfiguration configuration = new CompilerConfiguration();
        configuration.addCompilationCustomizers(imports, new CpsTransformer());
        configuration.setSourceEncoding("UTF-8");
        if (base != null) {
            configuration.setScriptBaseClass(base);
        }
        CompilationUnit unit = new CompilationUnit(configuration, null, new GroovyClassLoader(CONTROLLER, configuration));
        unit.addSource(name + ".groovy", text);
        unit.compile(Phases.CLASS_GENERATION);
        for (Object made : unit.getClasses()) {
            classes.put(((GroovyClass) made).getName(), ((GroovyClass) made).getBytes());
        }
    }

    /** The pipeline before its first step. */
    Continuable begin() throws ReflectiveOperationException {
        Loader loader = new Loader(CONTROLLER, classes);
        Binding binding = new Binding(new LinkedHashMap<>());
        binding.setVariable("scm", "scm");
        Script pipeline = (Script) loader.loadClass(PIPELINE).getDeclaredConstructor().newInstance();
        pipeline.setBinding(binding);
        return new Continuable(pipeline);
    }

    static byte[] save(Continuable program) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream stream = new ObjectOutputStream(bytes)) {
            stream.writeObject(program);
        }
        return bytes.toByteArray();
    }

    /** Read back into classes that have never run: what was static is gone, as after a restart of the controller. */
    Continuable restore(byte[] saved) throws IOException, ClassNotFoundException {
        Loader loader = new Loader(CONTROLLER, classes);
        try (ObjectInputStream stream = new ObjectInputStream(new ByteArrayInputStream(saved)) {
            @Override
            protected Class<?> resolveClass(ObjectStreamClass description) throws ClassNotFoundException {
                return Class.forName(description.getName(), false, loader);
            }
        }) {
            return (Continuable) stream.readObject();
        }
    }

    private static final class Loader extends ClassLoader {
        private final Map<String, byte[]> classes;

        Loader(ClassLoader parent, Map<String, byte[]> classes) {
            super(parent);
            this.classes = classes;
        }

        @Override
        protected Class<?> findClass(String name) throws ClassNotFoundException {
            byte[] bytes = classes.get(name);
            if (bytes == null) {
                throw new ClassNotFoundException(name);
            }
            return defineClass(name, bytes, 0, bytes.length);
        }
    }
}
