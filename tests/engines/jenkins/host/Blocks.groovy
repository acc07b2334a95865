// Steps with a body, compiled like the library itself; what they change, the build undoes at their end.
abstract class Blocks extends host.Base {
    def withEnv(List<String> pairs, Closure body) { inside('enterEnv', pairs, body) }

    def withCredentials(List bindings, Closure body) { inside('enterCredentials', bindings, body) }

    def dir(String path, Closure body) { inside('enterDir', path, body) }

    def node(String label, Closure body) { inside('enterNode', label, body) }

    def node(Closure body) { inside('enterNode', '', body) }

    def stage(String name, Closure body) {
        enterStage(name)
        return body()
    }

    def inside(String step, Object argument, Closure body) {
        "$step"(argument)
        try {
            return body()
        } finally {
            leave()
        }
    }
}
