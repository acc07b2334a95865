package host;

import com.cloudbees.groovy.cps.Continuable;
import com.cloudbees.groovy.cps.SerializableScript;
import groovy.lang.Script;
import org.codehaus.groovy.runtime.InvokerHelper;

/** Base of pipelines and of the library's variables: what is no method of theirs is a variable of a library, or a step. */
public abstract class Base extends SerializableScript {
    @Override
    public Object invokeMethod(String name, Object arguments) {
        if (known(name)) {
            return InvokerHelper.invokeMethod(getBinding().getVariable(name), "call", arguments);
        }
        if (!Build.current().offers(name)) {
            throw new NoSuchMethodError("No such DSL method '" + name + "' found among steps " + Build.STEPS);
        }
        Object description = Build.description(name, (Object[]) arguments);
        return description != null ? description : Continuable.suspend(name, new Object[] {name, arguments});
    }

    @Override
    public Object getProperty(String name) {
        return known(name) ? getBinding().getVariable(name) : super.getProperty(name);
    }

    /** Whether there is such a variable; one of a library is made when it is first asked for, as Jenkins does. */
    private boolean known(String name) {
        if (!getBinding().hasVariable(name) && Build.current().isVariable(name)) {
            try {
                Script made = (Script) getClass().getClassLoader().loadClass(name).getDeclaredConstructor().newInstance();
                made.setBinding(getBinding());
                getBinding().setVariable(name, made);
            } catch (ReflectiveOperationException failure) {
                throw new IllegalStateException(failure);
            }
        }
        return getBinding().hasVariable(name);
    }

    /** `env.NAME`, as pipelines read variables. */
    public Environment getEnv() {
        return new Environment();
    }

    /** Looked up anew at each use, so it need not survive a restart itself. */
    public static final class Environment extends groovy.lang.GroovyObjectSupport implements java.io.Serializable {
        private static final long serialVersionUID = 1;

        @Override
        public Object getProperty(String name) {
            return Build.current().variables().get(name);
        }
    }
}
