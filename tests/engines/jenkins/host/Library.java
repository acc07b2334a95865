package host;

import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;

/** `@Library('mlops') _` at the top of a pipeline; here all libraries are loaded anyway. */
@Retention(RetentionPolicy.SOURCE)
public @interface Library {
    String[] value();
}
