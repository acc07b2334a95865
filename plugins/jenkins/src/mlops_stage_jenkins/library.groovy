import com.cloudbees.groovy.cps.NonCPS

/**
 * Run one stage, or, without `stage`, what mlops.yaml names.
 *
 * @param given inputs by name; `stage` says which stage
 * @return outcome, exitCode and outputs, after every report is published
 */
Map<String, Object> call(Map<Object, Object> given = [:]) {
    given = plain(given)
    return one(stage(given), without(given, 'stage'))
}

/** As `mlopsStage('scan', model: 'model.onnx')`. */
Map<String, Object> call(Map<Object, Object> given, String stage) {
    given = plain(given)
    return one(named(stage), given)
}

/** As `mlopsStage('scan')`. */
Map<String, Object> call(String stage) {
    return one(named(stage), [:])
}

/** Run one stage with these inputs, which are plain; what the step of each stage calls. */
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
    if (given.publish != false && ran.outcome != null) {
        publish(folder(given), name(stage, given))
    }
    if (ran.outcome == null) {
        ran.outcome = 'error' // it has not run: what lies in its folder is of an earlier call
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

/**
 * Hand the reports to whichever of these plugins the controller has; what names people stays where it is.
 * Tests and warnings are those of this call alone, so that none counts twice; the page and the artifacts are of the whole folder.
 */
void publish(String out, String id) {
    optionally('junit') {
        junit(testResults: out + '/@TESTS@', allowEmptyResults: true, skipMarkingBuildUnstable: true)
    }
    optionally('recordIssues') {
        recordIssues(tools: [sarif(pattern: out + '/@WARNINGS@', id: 'mlops-' + id, name: 'mlops-stage ' + id)], enabledForFailure: true)
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
    String ended = "mlops-stage ${stage} ${words.containsKey(ran.exitCode) ? words.get(ran.exitCode) : 'broke'} (exit code ${ran.exitCode})"
    return ran.sentence ? ended + ': ' + ran.sentence : ended
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
    String sentence = outputs.remove('@SENTENCE@')
    return [outcome: outputs.remove('outcome'), exitCode: code, sentence: sentence == null ? '' : sentence, outputs: outputs]
}

/** The whole script: no value of anybody's stands in it. */
@NonCPS
static String command(String stage, Map<String, Object> given) {
    String program = origin(given) ? 'sh "$MLOPS_STAGE_LIBRARY/bootstrap.sh" ' : 'mlops-stage '
    return program + (stage == 'merge' ? 'report merge' : stage.replace('_', '-'))
}

/** A copy that nothing else changes and that can be saved at every step: texts, numbers, truths, and lists and maps of them. */
@NonCPS
static Object plain(Object value) {
    if (value instanceof Map) {
        Map<String, Object> made = [:]
        for (Map.Entry<Object, Object> entry in value.entrySet()) {
            made.put(entry.key.toString(), plain(entry.value))
        }
        return made
    }
    if (value instanceof Collection || value instanceof Object[]) {
        List<Object> made = []
        for (Object item in value) {
            made.add(plain(item))
        }
        return made
    }
    return value == null || value instanceof Number || value instanceof Boolean ? value : value.toString()
}

/** The stage that is asked for, as the tables write it. */
@NonCPS
static String stage(Map<String, Object> given) {
    return given.get('stage') == null ? 'run' : named(given.get('stage'))
}

@NonCPS
static String named(Object stage) {
    return stage.toString().replace('-', '_')
}

/** Variables for withEnv, which expands what follows a dollar: a second one makes it stand for itself. */
@NonCPS
static List<String> environment(String stage, Map<String, Object> given, String place) {
    List<String> made = ['MLOPS_STAGE_LIBRARY=' + place, 'MLOPS_STAGE_OUTPUTS=' + place + '/outputs.env', 'MLOPS_INPUT_OUT=' + folder(given)]
    made.addAll(origin(given))
    made.addAll(settings().get(stage) ?: [])
    Map<String, List<String>> known = known(stage)
    for (Map.Entry<String, Object> entry in given.entrySet()) {
        List<String> input = known.get(entry.key)
        if (input.size() > 1 && entry.key != 'out') {
            made.add(input.get(1) + '=' + (input.size() > 2 ? joined(entry.value, input.get(2)) : text(entry.value)))
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

/** A list whose items are texts without this separator. */
@NonCPS
static String joined(Object value, String separator) {
    if (!(value instanceof Collection)) {
        return text(value)
    }
    List<String> parts = []
    for (Object item in value) {
        parts.add(text(item))
    }
    return String.join(separator, parts)
}

/** The output directory, without the `./` and doubled slashes that patterns do not know. */
@NonCPS
static String folder(Map<String, Object> given) {
    String asked = text(given.get('out')) ?: 'mlops-out'
    List<String> parts = []
    for (String part in asked.split('/')) {
        if (part != '' && part != '.') {
            parts.add(part)
        }
    }
    return (asked.matches('(?s)/.*') ? '/' : '') + String.join('/', parts) ?: '.'
}

/** What tells the reports of this call from others of the build; Warnings takes letters, digits, hyphens and underscores. */
@NonCPS
static String name(String stage, Map<String, Object> given) {
    if (text(given.get('id'))) {
        return given.get('id').toString().replaceAll('[^A-Za-z0-9_-]', '-')
    }
    List<String> parts = [stage]
    if (given.get('stages')) {
        parts.add(joined(given.get('stages'), '-'))
    }
    if (folder(given) != 'mlops-out') {
        parts.add(folder(given))
    }
    return String.join('-', parts).replaceAll('[^A-Za-z0-9_-]', '-')
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
    if (stage == 'run' && !inputs().containsKey(stage)) {
        return 'mlops-stage: say which stage; there are ' + String.join(', ', inputs().keySet())
    }
    if (!inputs().containsKey(stage)) {
        return "mlops-stage: there is no stage '${stage}'" + hint(stage, inputs().keySet())
    }
    Map<String, List<String>> known = known(stage)
    for (Map.Entry<String, Object> entry in given.entrySet()) {
        String key = entry.key
        if (!known.containsKey(key)) {
            return "mlops-stage: ${stage} has no input '${key}'" + hint(key, known.keySet())
        }
        String kind = known.get(key).get(0)
        if (!fits(kind, entry.value)) {
            return "mlops-stage: ${key} is of the kind ${kind}, which '${entry.value}' is not" + unquoted(entry.value)
        }
        if (installing().contains(key) && !origin(given)) {
            return "mlops-stage: ${key} concerns how the command is installed: @SAY@, or leave ${key} out"
        }
    }
    if (stage == 'merge' && !given.get('from')) {
        return "mlops-stage: merge has nothing to read: say from: ['data-out', 'quality-out'], the output directories of earlier calls"
    }
    String out = folder(given)
    if (given.get('publish') != false && (out.matches('(?s)/.*|.*[,*?\\\\\\s].*|\\.') || out.matches('(?:.*/)?\\.\\.(?:/.*)?'))) {
        return "mlops-stage: nothing can be published from '${out}': let out be a plain folder below the workspace, without white space, or say publish: false"
    }
    return @NEEDED@
}

@NonCPS
static String unquoted(Object value) {
    return value == 'true' || value == 'false' ? "; write ${value} without quotes".toString() : ''
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

/** Kind, variable and what joins a list, by the names that a pipeline writes. */
@NonCPS
static Map<String, List<String>> known(String stage) {
    Map<String, List<String>> made = [:]
    made.putAll(inputs().get(stage))
    for (String name in installing()) {
        made.put(name, ['text', 'MLOPS_STAGE_' + name.toUpperCase()])
    }
    made.putAll(@OWN@)
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

/** Name, kind and variable of every input of every stage, and what joins a list that is no JSON. */
@NonCPS
static Map<String, Map<String, List<String>>> inputs() {
    return [
@TABLE@
    ]
}
