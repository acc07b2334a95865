package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tektoncd/pipeline/pkg/apis/config"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/pipeline/pkg/apis/pipeline/v1beta1"
	"github.com/tektoncd/pipeline/pkg/reconciler/taskrun"
	"github.com/tektoncd/pipeline/pkg/reconciler/taskrun/resources"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"
)

type object interface {
	metav1.Object
	SetDefaults(ctx context.Context)
	Validate(ctx context.Context) *apis.FieldError
}

func under(flags string) (context.Context, error) {
	values := map[string]string{}
	for _, pair := range strings.Split(flags, ",") {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	features, err := config.NewFeatureFlagsFromMap(values)
	if err != nil {
		return nil, err
	}
	defaults, err := config.NewDefaultsFromMap(map[string]string{})
	if err != nil {
		return nil, err
	}
	return config.ToContext(context.Background(), &config.Config{FeatureFlags: features, Defaults: defaults}), nil
}

// documents reads every object of a file as the admission webhook does: no unknown field, defaults filled in, valid.
func documents(ctx context.Context, file string) ([]object, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var found []object
	var failures error
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		one, err := decoded(ctx, document)
		if err != nil {
			failures = errors.Join(failures, fmt.Errorf("%s: %w", file, err))
			continue
		}
		found = append(found, one)
	}
	return found, failures
}

func decoded(ctx context.Context, document []byte) (object, error) {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(document, &meta); err != nil {
		return nil, err
	}
	var into object
	switch meta.APIVersion + " " + meta.Kind {
	case "tekton.dev/v1 Task":
		into = &v1.Task{}
	case "tekton.dev/v1 TaskRun":
		into = &v1.TaskRun{}
	case "tekton.dev/v1 Pipeline":
		into = &v1.Pipeline{}
	case "tekton.dev/v1 PipelineRun":
		into = &v1.PipelineRun{}
	case "tekton.dev/v1beta1 StepAction":
		into = &v1beta1.StepAction{}
	default:
		return nil, fmt.Errorf("not a kind of Tekton's: %q %q", meta.APIVersion, meta.Kind)
	}
	if err := yaml.UnmarshalStrict(document, into); err != nil {
		return nil, err
	}
	if into.GetName() == "" && into.GetGenerateName() != "" {
		into.SetName(into.GetGenerateName() + "00000") // the API server does so before anybody else sees the object
	}
	into.SetDefaults(ctx)
	if err := into.Validate(ctx); err != nil {
		return nil, err
	}
	return into, nil
}

func check(flags string, files []string) error {
	ctx, err := under(flags)
	if err != nil {
		return err
	}
	var failures error
	tasks := map[string]*v1.Task{}
	pipelines := map[string][]*v1.Pipeline{}
	for _, file := range files {
		found, err := documents(ctx, file)
		failures = errors.Join(failures, err)
		for _, one := range found {
			switch kind := one.(type) {
			case *v1.Task:
				tasks[kind.Name] = kind
			case *v1.Pipeline:
				pipelines[file] = append(pipelines[file], kind)
			}
		}
	}
	for file, those := range pipelines {
		for _, pipeline := range those {
			if err := against(ctx, pipeline, tasks); err != nil {
				failures = errors.Join(failures, fmt.Errorf("%s: %w", file, err))
			}
		}
	}
	return failures
}

// against compares a Pipeline with the Tasks that it names. What Tekton lets pass (a parameter that the Task does not
// have, a workspace that it does not know) is refused here too: it is a misspelling.
func against(ctx context.Context, pipeline *v1.Pipeline, tasks map[string]*v1.Task) error {
	var failures error
	for _, step := range append(append([]v1.PipelineTask{}, pipeline.Spec.Tasks...), pipeline.Spec.Finally...) {
		if step.TaskRef == nil {
			continue
		}
		task, known := tasks[step.TaskRef.Name]
		if !known {
			failures = errors.Join(failures, fmt.Errorf("%s: there is no Task %s", step.Name, step.TaskRef.Name))
			continue
		}
		resolved := &resources.ResolvedTask{TaskName: task.Name, TaskSpec: &task.Spec}
		failures = errors.Join(failures, taskrun.ValidateResolvedTask(ctx, step.Params, step.Matrix, resolved), declared(step, task))
	}
	return failures
}

func declared(step v1.PipelineTask, task *v1.Task) error {
	known, bound := map[string]bool{}, map[string]bool{}
	for _, param := range task.Spec.Params {
		known["parameter "+param.Name] = true
	}
	for _, workspace := range task.Spec.Workspaces {
		known["workspace "+workspace.Name] = true
	}
	var used []string
	for _, param := range append(append(v1.Params{}, step.Params...), step.Matrix.GetAllParams()...) {
		used = append(used, "parameter "+param.Name)
	}
	for _, workspace := range step.Workspaces {
		used = append(used, "workspace "+workspace.Name)
		bound[workspace.Name] = true
	}
	var failures error
	for _, name := range used {
		if !known[name] {
			failures = errors.Join(failures, fmt.Errorf("%s: Task %s has no %s", step.Name, task.Name, name))
		}
	}
	for _, workspace := range task.Spec.Workspaces {
		if !workspace.Optional && !bound[workspace.Name] {
			failures = errors.Join(failures, fmt.Errorf("%s: workspace %s of Task %s is not bound", step.Name, workspace.Name, task.Name))
		}
	}
	return failures
}
