import com.cloudbees.groovy.cps.NonCPS

/**
 * Run one stage, or, without `stage`, what mlops.yaml names.
 *
 * @param given inputs by name; `stage` says which stage
 * @return outcome, exitCode and outputs, after every report is published
 */
Map<String, Object> call(Map<String, Object> given = [:]) {
    String stage = given.containsKey('stage') ? given.stage.toString() : 'run'
    return one(stage, without(given, 'stage'))
}

/** Run one stage with these inputs; what the step of each stage calls. */
Map<String, Object> one(String stage, Map<String, Object> given) {
    String wrong = fault(stage, given)
    if (wrong) {
        error(wrong)
    }
    if (given.source && !fileExists("${given.source}/pyproject.toml".toString())) {
        error("mlops-stage: there is no checkout in '${given.source}' to install from; check it out in an earlier step".toString())
    }
    // a folder of this call's own: branches that run in parallel share the workspace's
    String place = pwd(tmp: true) + '/mlops-stage-' + UUID.randomUUID().toString()
    Map<String, Object> ran = [:]
    try {
        ran = answered(stage, given, place)
    } finally {
        dir(place) {
            deleteDir()
        }
    }
    if (given.publish != false) {
        publish(folder(given), name(stage, given))
    }
    return judged(stage, given, ran)
}

/** Put inputs into variables, call the command once, and read what it told. */
Map<String, Object> answered(String stage, Map<String, Object> given, String place) {
    if (origin(given)) {
        for (String script in ['bootstrap.sh', 'bootstrap.py']) {
            writeFile(file: place + '/' + script, text: libraryResource('@RESOURCES@/' + script), encoding: 'UTF-8')
        }
    }
    writeFile(file: place + '/outputs.env', text: '', encoding: 'UTF-8')
    List<String> variables = environment(stage, given, place)
    String script = command(stage, given)
    int code = withEnv(variables) {
        sh(script: script, label: 'mlops-stage ' + stage, encoding: 'UTF-8', returnStatus: true)
    }
    String told = readFile(file: place + '/outputs.env', encoding: 'UTF-8')
    return read(told, code)
}

/** Hand the reports to whichever of these plugins the controller has; what names people stays where it is. */
void publish(String out, String id) {
    optionally('junit') {
        junit(testResults: out + '/junit.xml', allowEmptyResults: true, skipMarkingBuildUnstable: true)
    }
    optionally('recordIssues') {
        recordIssues(tools: [sarif(pattern: out + '/report.sarif', id: 'mlops-' + id, name: 'mlops-stage ' + id)], enabledForFailure: true)
    }
    optionally('publishHTML') {
        publishHTML(target: [
            reportName: 'mlops-stage ' + id, reportDir: out, reportFiles: 'report.html', includes: 'report.html',
            keepAll: true, allowMissing: true, alwaysLinkToLastBuild: false,
        ])
    }
    optionally('archiveArtifacts') {
        archiveArtifacts(artifacts: out + '/**', excludes: out + '/**/evidence/private/**', allowEmptyArchive: true)
    }
}

/** One report that cannot be published costs neither the others nor the verdict. */
void optionally(String step, Closure<?> body) {
    try {
        body()
    } catch (NoSuchMethodError absent) {
        echo("mlops-stage: no step ${step} on this controller, so nothing is published there".toString())
    } catch (InterruptedException stopped) {
        throw stopped
    } catch (Exception failure) {
        unstable("mlops-stage: ${step} failed: ${failure.message}".toString())
    }
}

/** Green, amber, or the end of this build, unless the pipeline wants to decide itself. */
Map<String, Object> judged(String stage, Map<String, Object> given, Map<String, Object> ran) {
    String sentence = told(stage, ran)
    if (given.returnStatus == true) {
        return ran
    }
    if (ran.exitCode == 5) {
        unstable(sentence)
    } else if (ran.exitCode != 0) {
        error(sentence)
    }
    return ran
}

@NonCPS
static String told(String stage, Map<String, Object> ran) {
    if (ran.exitCode == 127) {
        return 'mlops-stage is not on this agent: @ABSENT@'
    }
    Map<Integer, String> words = [1: 'failed', 2: 'was asked something wrong', 3: 'could not run', 5: 'is inconclusive', 130: 'was interrupted']
    return "mlops-stage ${stage} ${words.containsKey(ran.exitCode) ? words.get(ran.exitCode) : 'broke'} (exit code ${ran.exitCode})"
}

/** `name=value` in each line, as the command tells it to Jenkins. */
@NonCPS
static Map<String, Object> read(String text, int code) {
    Map<String, String> outputs = [:]
    for (String line in text.split('\n')) {
        int end = line.indexOf('=')
        if (end > 0) {
            outputs.put(line.substring(0, end), line.substring(end + 1))
        }
    }
    String outcome = outputs.remove('outcome')
    return [outcome: outcome == null ? 'error' : outcome, exitCode: code, outputs: outputs]
}

/** The whole script: no value of anybody's stands in it. */
@NonCPS
static String command(String stage, Map<String, Object> given) {
    String program = origin(given) ? 'sh "$MLOPS_STAGE_LIBRARY/bootstrap.sh" ' : 'mlops-stage '
    return program + (stage == 'merge' ? 'report merge' : stage.replace('_', '-'))
}

/** Variables for withEnv, which expands what follows a dollar: a second one makes it stand for itself. */
@NonCPS
static List<String> environment(String stage, Map<String, Object> given, String place) {
    List<String> made = ['MLOPS_STAGE_LIBRARY=' + place, 'MLOPS_STAGE_OUTPUTS=' + place + '/outputs.env', 'MLOPS_INPUT_OUT=' + folder(given)]
    made.addAll(origin(given))
    made.addAll(settings().getOrDefault(stage, []))
    Map<String, String> variables = variables(stage)
    for (Map.Entry<String, Object> entry in given.entrySet()) {
        String variable = variables.get(entry.key.toString())
        if (variable != null) {
            made.add(variable + '=' + text(entry.value))
        }
    }
    List<String> escaped = []
    for (String pair in made) {
        escaped.add(pair.replace('$', '$$'))
    }
    return escaped
}

/** Lists and mappings travel as JSON, so that commas in names do no harm. */
@NonCPS
static String text(Object value) {
    return value == null ? '' : value instanceof Map || value instanceof Collection ? json(value) : value.toString()
}

@NonCPS
static String json(Object value) {
    List<String> parts = []
    if (value instanceof Map) {
        for (Map.Entry<Object, Object> entry in value.entrySet()) {
            parts.add(groovy.json.JsonOutput.toJson(entry.key.toString()) + ':' + json(entry.value))
        }
        return '{' + String.join(',', parts) + '}'
    }
    if (value instanceof Collection) {
        for (Object item in value) {
            parts.add(json(item))
        }
        return '[' + String.join(',', parts) + ']'
    }
    return groovy.json.JsonOutput.toJson(value == null ? '' : value.toString())
}

@NonCPS
static String folder(Map<String, Object> given) {
    return text(given.get('out')) ?: 'mlops-out'
}

/** What tells the reports of this call from others of the build. */
@NonCPS
static String name(String stage, Map<String, Object> given) {
    return text(given.get('id')) ?: stage
}

@NonCPS
static Map<String, Object> without(Map<String, Object> given, String key) {
    Map<String, Object> rest = [:]
    rest.putAll(given)
    rest.remove(key)
    return rest
}

/** What is wrong with a call, in a sentence; empty when nothing is. */
@NonCPS
static String fault(String stage, Map<String, Object> given) {
    if (!inputs().containsKey(stage)) {
        return "mlops-stage: there is no stage '${stage}'" + hint(stage, inputs().keySet())
    }
    Map<String, String> kinds = kinds(stage)
    for (Map.Entry<String, Object> entry in given.entrySet()) {
        String key = entry.key.toString()
        if (!kinds.containsKey(key)) {
            return "mlops-stage: ${stage} has no input '${key}'" + hint(key, kinds.keySet())
        }
        if (!fits(kinds.get(key), entry.value)) {
            return "mlops-stage: ${key} is of the kind ${kinds.get(key)}, which '${entry.value}' is not"
        }
        if (installing().contains(key) && !origin(given)) {
            return "mlops-stage: ${key} concerns how the command is installed, and this agent has it already"
        }
    }
    String out = folder(given)
    if (given.get('publish') != false && (out.matches('(?s)/.*|.*[,*?\\\\\\r\\n].*') || out.matches('(?:.*/)?\\.\\.(?:/.*)?'))) {
        return "mlops-stage: nothing can be published from '${out}': let out be a plain folder below the workspace, or say publish: false"
    }
    return @NEEDED@
}

@NonCPS
static boolean fits(String kind, Object value) {
    if (kind == 'true or false') {
        return value instanceof Boolean
    }
    if (value == null || value instanceof CharSequence) {
        return true
    }
    if (kind == 'flag') {
        return value instanceof Boolean
    }
    return kind == 'mapping' ? value instanceof Map : value instanceof Number || kind == 'list' && value instanceof Collection
}

@NonCPS
static String hint(String wrong, Set<String> known) {
    String best = null
    int least = 1 + Math.floorDiv(wrong.length(), 2)
    for (String candidate in known) {
        int far = distance(wrong.toLowerCase().replace('_', '').replace('-', ''), candidate.toLowerCase())
        if (far < least) {
            least = far
            best = candidate
        }
    }
    return best == null ? '; it knows ' + String.join(', ', known) : "; did you mean '${best}'?"
}

/** How many letters must change, or change places with their neighbour (optimal string alignment). */
@NonCPS
static int distance(String one, String two) {
    List<List<Integer>> rows = []
    for (int i = 0; i <= one.length(); i++) {
        List<Integer> row = [i]
        for (int j = 1; j <= two.length(); j++) {
            int least = i == 0 ? j : Math.min(rows.get(i - 1).get(j), row.get(j - 1)) + 1
            if (i > 0) {
                least = Math.min(least, rows.get(i - 1).get(j - 1) + (one.charAt(i - 1) == two.charAt(j - 1) ? 0 : 1))
            }
            if (i > 1 && j > 1 && one.charAt(i - 1) == two.charAt(j - 2) && one.charAt(i - 2) == two.charAt(j - 1)) {
                least = Math.min(least, rows.get(i - 2).get(j - 2) + 1)
            }
            row.add(least)
        }
        rows.add(row)
    }
    return rows.get(one.length()).get(two.length())
}

/** Kinds by the names that a pipeline writes. */
@NonCPS
static Map<String, String> kinds(String stage) {
    Map<String, String> made = [:]
    for (Map.Entry<String, List<String>> entry in inputs().get(stage).entrySet()) {
        made.put(entry.key, entry.value.get(0))
    }
    for (String name in installing()) {
        made.put(name, 'text')
    }
    made.putAll(@OWN@)
    return made
}

/** Environment variables by the names that a pipeline writes. */
@NonCPS
static Map<String, String> variables(String stage) {
    Map<String, String> made = [:]
    for (Map.Entry<String, List<String>> entry in inputs().get(stage).entrySet()) {
        made.put(entry.key, entry.value.get(1))
    }
    for (String name in installing()) {
        made.put(name, 'MLOPS_STAGE_' + name.toUpperCase())
    }
    return made
}

@NonCPS
static List<String> installing() {
    return [@INSTALLING@]
}

/** What to install, for the bootstrap; empty where the command is on the agent already, as in its image. */
@NonCPS
static List<String> origin(Map<String, Object> given) {
    return @ORIGIN@
}

/** What the bootstrap is told besides, by stage. */
@NonCPS
static Map<String, List<String>> settings() {
    return @SETTINGS@
}

/** Name, kind and variable of every input of every stage. */
@NonCPS
static Map<String, Map<String, List<String>>> inputs() {
    return [
@TABLE@
    ]
}
