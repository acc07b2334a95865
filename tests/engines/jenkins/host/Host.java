package host;

import com.cloudbees.groovy.cps.Continuable;
import com.cloudbees.groovy.cps.Outcome;
import com.cloudbees.groovy.cps.impl.CpsCallableInvocation;
import groovy.json.JsonOutput;
import groovy.json.JsonSlurperClassic;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.codehaus.groovy.control.CompilationFailedException;

/**
 * Builds, one after the other, on groovy-cps. At each step the program is saved, its classes are thrown away, and it is read back into new
 * ones: a restart of the controller.
 *
 * <p>Usage: Host PLAN REPORT, both JSON. The plan: libraries (folders), builds (pipeline, project, home, keep, variables, credentials, absent).
 */
public final class Host {
    private Host() {}

    @SuppressWarnings("unchecked")
    public static void main(String[] arguments) throws IOException {
        Map<String, Object> plan = (Map<String, Object>) new JsonSlurperClassic().parseText(Files.readString(Path.of(arguments[0])));
        List<Path> libraries = ((List<String>) plan.get("libraries")).stream().map(Path::of).toList();
        Program shared = new Program(libraries);
        List<Object> reports = new ArrayList<>();
        for (Object asked : (List<Object>) plan.get("builds")) {
            reports.add(build((Map<String, Object>) asked, libraries, shared));
        }
        Files.writeString(Path.of(arguments[1]), JsonOutput.toJson(reports));
    }

    private static Map<String, Object> build(Map<String, Object> asked, List<Path> libraries, Program shared) throws IOException {
        Map<String, Object> report = new LinkedHashMap<>();
        List<String> mismatches = new ArrayList<>();
        CpsCallableInvocation.registerMismatchHandler((meant, expected, receiver, caught) ->
                mismatches.add("expected to call " + expected + " but wound up catching " + caught));
        Program source;
        try {
            source = new Program(shared, Path.of((String) asked.get("pipeline")));
        } catch (CompilationFailedException failure) {
            return Map.of("status", "FAILURE", "error", failure.getMessage(), "mismatches", mismatches, "steps", List.of());
        }
        Build build = new Build(asked, libraries, source.variables);
        try {
            report.put("result", play(source, build, report));
        } catch (Throwable failure) {
            build.status = "FAILURE";
            report.put("error", cause(failure).toString());
        }
        if (!mismatches.isEmpty()) {
            build.status = "FAILURE"; // Jenkins only logs them, and goes on with a wrong value
        }
        report.put("status", build.status);
        report.put("mismatches", mismatches);
        report.put("steps", build.done());
        return report;
    }

    private static Object play(Program source, Build build, Map<String, Object> report) throws Throwable {
        List<Class> categories = new ArrayList<>(Continuable.categories);
        categories.add(Iterators.class);
        Continuable program = source.begin();
        Outcome next = new Outcome(null, null);
        for (int saves = 1; ; saves++) {
            Outcome outcome = program.run0(next, categories);
            if (!program.isResumable()) {
                return outcome.replay();
            }
            Object[] call = (Object[]) outcome.replay();
            byte[] saved = Program.save(program);
            report.put("saves", saves);
            report.merge("largest", saved.length, (one, two) -> Math.max((int) one, (int) two));
            program = source.restore(saved);
            try {
                next = new Outcome(build.step((String) call[0], (Object[]) call[1]), null);
            } catch (IOException | InterruptedException | IllegalArgumentException failure) {
                next = new Outcome(null, failure);
            }
        }
    }

    private static Throwable cause(Throwable failure) {
        Throwable found = failure;
        while (found instanceof InvocationTargetException && found.getCause() != null) {
            found = found.getCause();
        }
        return found instanceof CompilationFailedException ? new IOException(found.getMessage()) : found;
    }
}
