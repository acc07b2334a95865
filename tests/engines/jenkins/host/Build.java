package host;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One build: where it works, with which variables, what its steps did. */
final class Build {
    /** Descriptions that other steps take: `sarif(pattern: …)`, `string(credentialsId: …)`. */
    private static final Set<String> SYMBOLS = Set.of(
            "cron", "disableConcurrentBuilds", "file", "pipelineTriggers", "sarif", "scmGit", "string");
    private static final Set<String> INNER = Set.of("enterEnv", "enterCredentials", "enterDir", "enterNode", "enterStage", "leave");
    static final Set<String> STEPS = new TreeSet<>(Set.of(
            "archiveArtifacts", "checkout", "deleteDir", "echo", "error", "fileExists", "junit", "libraryResource", "properties", "publishHTML",
            "pwd", "readFile", "record", "recordIssues", "sh", "stash", "unstable", "unstash", "writeFile"));
    private static final Pattern MACRO = Pattern.compile("\\$(?:(\\$)|([A-Za-z0-9_]+)|\\{([A-Za-z0-9_.]+)\\})");
    private static Build running;

    /** What holds within a block; files of secrets go away at its end. */
    private record Scope(Path folder, Path workspace, Map<String, String> variables, Path secrets) {
        Scope in(Path inner) {
            return new Scope(inner, workspace, variables, null);
        }

        Scope with(Map<String, String> more) {
            return new Scope(folder, workspace, more, null);
        }
    }

    private final Map<String, Object> asked;
    private final List<Path> libraries;
    private final Path home;
    private final Deque<Scope> scopes = new ArrayDeque<>();
    private final List<Map<String, Object>> done = new ArrayList<>();
    private final Set<String> secrets = new TreeSet<>();
    private final Set<String> globals;
    private final Set<String> published = new TreeSet<>();
    String status = "SUCCESS";

    @SuppressWarnings("unchecked")
    Build(Map<String, Object> asked, List<Path> libraries, Set<String> globals) {
        this.asked = asked;
        this.globals = globals;
        this.libraries = libraries;
        this.home = Path.of((String) asked.get("home"));
        scopes.push(new Scope(home, home, (Map<String, String>) asked.get("variables"), null));
        running = this;
    }

    static Build current() {
        return running;
    }

    boolean offers(String name) {
        boolean known = STEPS.contains(name) || SYMBOLS.contains(name) || INNER.contains(name);
        return known && !((List<?>) asked.getOrDefault("absent", List.of())).contains(name);
    }

    boolean isVariable(String name) {
        return globals.contains(name);
    }

    Map<String, String> variables() {
        return scopes.peek().variables();
    }

    List<Map<String, Object>> done() {
        return done;
    }

    /** What `sarif(pattern: …)` is: a description that a step takes, at once and without a step of its own; null where the name is none of those. */
    static Object description(String name, Object[] arguments) {
        if (!SYMBOLS.contains(name)) {
            return null;
        }
        Map<String, Object> made = named(arguments);
        made.put("symbol", name);
        if (arguments.length > 0 && !(arguments[0] instanceof Map)) {
            made.put("value", arguments[0]);
        }
        return made;
    }

    private static Map<String, Object> named(Object[] arguments) {
        Map<String, Object> made = new LinkedHashMap<>();
        if (arguments.length > 0 && arguments[0] instanceof Map) {
            ((Map<?, ?>) arguments[0]).forEach((key, value) -> made.put(key.toString(), value instanceof groovy.lang.GString ? value.toString() : value));
        }
        return made;
    }

    /** Do one step; what it returns to the pipeline, which has been saved and restored meanwhile. */
    Object step(String name, Object[] arguments) throws IOException, InterruptedException {
        Object only = arguments.length > 0 && !(arguments[0] instanceof Map) ? arguments[0] : null;
        Map<String, Object> named = named(arguments);
        if (INNER.contains(name)) {
            enter(name, only);
            return null;
        }
        Map<String, Object> record = new LinkedHashMap<>(Map.of("step", name, "folder", folder().toString()));
        record.put("given", only == null && arguments.length > 0 ? named : String.valueOf(only));
        done.add(record);
        Object value = act(name, only, named, record);
        if (value != null) {
            record.put("value", value instanceof String ? masked((String) value) : value);
        }
        return value;
    }

    private void enter(String name, Object argument) throws IOException {
        Scope now = scopes.peek();
        switch (name) {
            case "enterEnv" -> scopes.push(now.with(expanded((List<?>) argument)));
            case "enterCredentials" -> scopes.push(bound((List<?>) argument, now));
            case "enterDir" -> scopes.push(now.in(Files.createDirectories(at(argument))));
            case "enterNode" -> {
                String label = argument.toString();
                Path workspace = Files.createDirectories(home.resolve(label.isEmpty() ? "agent" : label).resolve("workspace"));
                Map<String, String> variables = new LinkedHashMap<>(now.variables());
                variables.put("WORKSPACE", workspace.toString());
                scopes.push(new Scope(workspace, workspace, variables, null));
            }
            case "leave" -> {
                scopes.pop();
                if (now.secrets() != null) {
                    Tree.delete(now.secrets());
                }
            }
            default -> done.add(Map.of("step", "stage", "given", argument.toString()));
        }
    }

    /** As EnvStep does by EnvVars.overrideExpandingAll: `$NAME` and `${NAME}` are expanded, `$$` is a dollar, an empty value removes. */
    private Map<String, String> expanded(List<?> pairs) {
        Map<String, String> made = new LinkedHashMap<>(variables());
        for (Object pair : pairs) {
            String[] parts = pair.toString().split("=", 2);
            String value = MACRO.matcher(parts[1]).replaceAll(found -> Matcher.quoteReplacement(meant(found.group(), made)));
            if (value.isEmpty()) {
                made.remove(parts[0]);
            } else {
                made.put(parts[0], value);
            }
        }
        return made;
    }

    private static String meant(String macro, Map<String, String> variables) {
        return macro.equals("$$") ? "$" : variables.getOrDefault(macro.replaceAll("[${}]", ""), macro);
    }

    /** Text credentials, and files, whose variable names a path; neither is expanded. What the variable holds is masked in the log, and that alone. */
    private Scope bound(List<?> bindings, Scope now) throws IOException {
        Map<String, String> made = new LinkedHashMap<>(variables());
        Path folder = temporary().resolve("secretFiles").resolve(UUID.randomUUID().toString());
        for (Object binding : bindings) {
            Map<?, ?> one = (Map<?, ?>) binding;
            String secret = (String) ((Map<?, ?>) asked.getOrDefault("credentials", Map.of())).get(one.get("credentialsId"));
            if (secret == null) {
                throw new Failed("Could not find credentials entry with ID '" + one.get("credentialsId") + "'");
            }
            String value = secret;
            if ("file".equals(one.get("symbol"))) {
                value = Files.createDirectories(folder).resolve((String) one.get("credentialsId")).toString();
                Files.writeString(Path.of(value), secret);
            }
            secrets.add(value);
            made.put((String) one.get("variable"), value);
        }
        return new Scope(now.folder(), now.workspace(), made, folder);
    }

    private Object act(String name, Object only, Map<String, Object> named, Map<String, Object> record) throws IOException, InterruptedException {
        Supplier<Path> file = () -> at(only != null ? only : named.get("file"));
        switch (name) {
            case "sh": return sh(only != null ? Map.of("script", only.toString()) : named, record);
            case "echo": return null;
            case "error": throw new Failed(text(only, named, "message"));
            case "unstable":
                status = "UNSTABLE";
                return null;
            case "readFile": return Files.readString(file.get());
            case "writeFile":
                Files.createDirectories(file.get().getParent());
                Files.writeString(file.get(), named.get("text").toString());
                return null;
            case "fileExists": return Files.exists(file.get());
            case "pwd": return (Boolean.TRUE.equals(named.get("tmp")) ? temporary() : folder()).toString();
            case "deleteDir":
                Tree.delete(folder());
                return null;
            case "libraryResource": return resource(text(only, named, "resource"));
            case "checkout": return Tree.copy(Path.of(named.isEmpty() ? (String) asked.get("project") : remote(named)), folder(), "**", "");
            case "stash": return Tree.copy(folder(), home.resolve("stash").resolve((String) named.get("name")), includes(named), excludes(named));
            case "unstash": return Tree.copy(home.resolve("stash").resolve(text(only, named, "name")), folder(), "**", "");
            case "junit": return seen((String) named.get("testResults"), record);
            case "recordIssues":
                Map<?, ?> tool = (Map<?, ?>) ((List<?>) named.get("tools")).get(0);
                String id = (String) tool.get("id");
                if (!id.matches("[\\p{Alnum}_-]+")) {
                    throw new IllegalArgumentException("ID '" + id + "' does not match");
                }
                once("ID " + id);
                return seen((String) tool.get("pattern"), record);
            case "publishHTML":
                once("report " + ((Map<?, ?>) named.get("target")).get("reportName"));
                return null;
            case "archiveArtifacts": return Tree.copy(folder(), Path.of((String) asked.get("keep")), (String) named.get("artifacts"), excludes(named));
            default: return null; // recorded only
        }
    }

    private Object sh(Map<String, Object> given, Map<String, Object> record) throws IOException, InterruptedException {
        Path script = Files.createTempFile("script", ".sh");
        Files.writeString(script, given.get("script").toString());
        ProcessBuilder builder = new ProcessBuilder("sh", "-xe", script.toString());
        builder.directory(Files.createDirectories(folder()).toFile()).redirectErrorStream(true).redirectInput(new File("/dev/null"));
        builder.environment().clear();
        builder.environment().putAll(variables());
        boolean capture = Boolean.TRUE.equals(given.get("returnStdout"));
        if (capture) {
            builder.redirectErrorStream(false).redirectError(new File("/dev/null"));
        }
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int code = process.waitFor();
        Files.delete(script);
        Files.writeString(home.resolve("raw.log"), output, StandardOpenOption.CREATE, StandardOpenOption.APPEND); // what masking hides
        record.put("log", masked(output));
        record.put("code", code);
        if (Boolean.TRUE.equals(given.get("returnStatus"))) {
            return code;
        }
        if (code != 0) {
            throw new Failed("script returned exit code " + code);
        }
        return capture ? output : null;
    }

    /** Warnings refuses a second ID; a second page of one name would hide the first. */
    private void once(String name) throws Failed {
        if (!published.add(name)) {
            throw new Failed(name + " is already used by another action");
        }
    }

    /** What a publisher finds by a pattern: nothing where the pattern is no plain path. */
    private Object seen(String pattern, Map<String, Object> record) throws IOException {
        Path copied = Files.createTempDirectory(home, "seen");
        int count = Tree.copy(folder(), copied, pattern, "");
        record.put("text", count == 1 ? Files.readString(copied.resolve(pattern)) : "");
        Tree.delete(copied);
        return count;
    }

    private String remote(Map<String, Object> named) throws IOException {
        Map<?, ?> first = (Map<?, ?>) ((List<?>) named.get("userRemoteConfigs")).get(0);
        Object found = ((Map<?, ?>) asked.get("remotes")).get(first.get("url"));
        if (found == null) {
            throw new Failed("could not read from " + first.get("url"));
        }
        return (String) found;
    }

    private String resource(String name) throws IOException {
        for (Path library : libraries) {
            Path found = library.resolve("resources").resolve(name);
            if (Files.exists(found)) {
                return Files.readString(found);
            }
        }
        throw new Failed("No such library resource " + name + " could be found.");
    }

    private String masked(String text) {
        String seen = text;
        for (String secret : secrets) {
            seen = seen.replace(secret, "****");
        }
        return seen;
    }

    private static String text(Object only, Map<String, Object> named, String name) {
        return (only != null ? only : named.get(name)).toString();
    }

    private static String includes(Map<String, Object> named) {
        return named.getOrDefault("includes", "**").toString();
    }

    private static String excludes(Map<String, Object> named) {
        return named.getOrDefault("excludes", "").toString();
    }

    private Path folder() {
        return scopes.peek().folder();
    }

    private Path temporary() {
        return scopes.peek().workspace().resolveSibling("workspace@tmp");
    }

    private Path at(Object path) {
        return folder().resolve(path.toString());
    }
}
