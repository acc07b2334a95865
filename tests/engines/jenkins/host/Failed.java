package host;

/** A step that failed; the pipeline may catch it, as it may hudson.AbortException in Jenkins. */
public class Failed extends java.io.IOException {
    public Failed(String message) {
        super(message);
    }
}
