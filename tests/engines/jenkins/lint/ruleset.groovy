// Without applyToFileNames the rules on CPS look at files named Jenkinsfile alone; they see declared types only, so everything is declared.
ruleset {
    ClosureInGString { applyToFileNames = '*.groovy,*.jenkinsfile' }
    CpsCallFromNonCpsMethod { applyToFileNames = '*.groovy,*.jenkinsfile' }
    ExpressionInCpsMethodNotSerializable { applyToFileNames = '*.groovy,*.jenkinsfile' }
    ForbiddenCallInCpsMethod { applyToFileNames = '*.groovy,*.jenkinsfile' }
    ObjectOverrideOnlyNonCpsMethods { applyToFileNames = '*.groovy,*.jenkinsfile' }
    ParameterOrReturnTypeNotSerializable { applyToFileNames = '*.groovy,*.jenkinsfile' }
    ClassNotSerializable { applyToFileNames = '*.groovy,*.jenkinsfile' }
    NoDef { applyToFileNames = '*.groovy' } // `@Library('mlops') _` counts as a declaration in a pipeline
    UnusedVariable { applyToFileNames = '*.groovy' }
    UnusedMethodParameter {}
    UnnecessaryGetter {}
    ImplicitClosureParameter {}
}
