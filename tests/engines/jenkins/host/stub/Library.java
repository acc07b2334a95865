/** What CodeNarc needs to see of `@Library('mlops') _`. */
public @interface Library {
    String[] value();
}
