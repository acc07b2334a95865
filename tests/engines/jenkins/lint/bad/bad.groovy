import com.cloudbees.groovy.cps.NonCPS
import java.util.regex.Matcher

Map call(Map given) {
    Matcher found = 'a1' =~ /a(\d)/
    sh 'true'
    def sorted = [3, 1, 2].toSorted { one, two -> one <=> two }
    echo "${found[0][1]} ${sorted} ${-> given.x}"
    return given
}

@NonCPS
String helper(Map given) {
    return call(given)
}
