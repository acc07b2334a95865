package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/tektoncd/pipeline/pkg/apis/pipeline"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/pipeline/pkg/apis/pipeline/v1beta1"
	fakepipeline "github.com/tektoncd/pipeline/pkg/client/clientset/versioned/fake"
	"github.com/tektoncd/pipeline/pkg/pod"
	"github.com/tektoncd/pipeline/pkg/reconciler/taskrun"
	"github.com/tektoncd/pipeline/pkg/reconciler/taskrun/resources"
	"github.com/tektoncd/pipeline/pkg/workspace"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
)

const namespace = "default"

// resolved is a TaskRun whose Task, StepActions and variables have been filled in.
type resolved struct {
	ctx  context.Context
	run  *v1.TaskRun
	spec *v1.TaskSpec
}

// resolve goes the way of the TaskRun reconciler: prepare, then the substitutions in its order.
func resolve(taskFile, runFile string, actionFiles []string) (*resolved, error) {
	ctx, err := under(stable)
	if err != nil {
		return nil, err
	}
	task, err := only[*v1.Task](ctx, taskFile)
	if err != nil {
		return nil, err
	}
	run, err := only[*v1.TaskRun](ctx, runFile)
	if err != nil {
		return nil, err
	}
	run.Namespace, run.Spec.ServiceAccountName = namespace, "default"
	spec := task.Spec.DeepCopy()
	if spec.Steps, err = steps(ctx, spec, run, actionFiles); err != nil {
		return nil, err
	}
	known := &resources.ResolvedTask{TaskName: task.Name, TaskSpec: spec}
	if err := errors.Join(
		taskrun.ValidateResolvedTask(ctx, run.Spec.Params, &v1.Matrix{}, known),
		resources.ValidateParamArrayIndex(spec, run.Spec.Params),
		workspace.ValidateBindings(ctx, spec.Workspaces, run.Spec.Workspaces),
	); err != nil {
		return nil, err
	}
	volumes := workspace.CreateVolumes(run.Spec.Workspaces)
	spec = substituted(ctx, spec, task.Name, run, volumes)
	if err := v1.ValidateUsageOfDeclaredParameters(ctx, spec.Steps, spec.Params); err != nil {
		return nil, err
	}
	if err := spec.Validate(ctx); err != nil {
		return nil, err
	}
	if spec, err = workspace.Apply(ctx, *spec, run.Spec.Workspaces, volumes); err != nil {
		return nil, err
	}
	return &resolved{ctx: ctx, run: run, spec: resources.ApplyCredentialsPath(spec, pipeline.CredsDir)}, nil
}

func substituted(ctx context.Context, spec *v1.TaskSpec, name string, run *v1.TaskRun, volumes map[string]corev1.Volume) *v1.TaskSpec {
	spec = resources.ApplyParameters(spec, run, spec.Params...)
	spec = resources.ApplyContexts(spec, name, run)
	spec = resources.ApplyResults(spec)
	spec = resources.ApplyArtifacts(spec)
	spec = resources.ApplyStepExitCodePath(spec)
	return resources.ApplyWorkspaces(ctx, spec, spec.Workspaces, run.Spec.Workspaces, volumes)
}

// steps puts StepActions in the place of references to them, from a clientset that knows only these.
func steps(ctx context.Context, spec *v1.TaskSpec, run *v1.TaskRun, files []string) ([]v1.Step, error) {
	server := fakepipeline.NewSimpleClientset()
	for _, file := range files {
		action, err := only[*v1beta1.StepAction](ctx, file)
		if err != nil {
			return nil, err
		}
		action.Namespace = namespace
		if _, err := server.TektonV1beta1().StepActions(namespace).Create(ctx, action, metav1.CreateOptions{}); err != nil {
			return nil, err
		}
	}
	return resources.GetStepActionsData(ctx, *spec, run, server, cluster(), nil)
}

func cluster() kubernetes.Interface {
	return fake.NewSimpleClientset(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: namespace}})
}

func (r *resolved) pod() (any, error) {
	images := pipeline.Images{
		EntrypointImage: "entrypoint", ShellImage: "shell", WorkingDirInitImage: "workingdirinit",
		NopImage: "nop", SidecarLogResultsImage: "sidecarlogresults",
	}
	builder := pod.Builder{Images: images, KubeClient: cluster()}
	return builder.Build(r.ctx, r.run, *r.spec)
}

func (r *resolved) status(podFile string) (any, error) {
	text, err := os.ReadFile(podFile)
	if err != nil {
		return nil, err
	}
	ended := &corev1.Pod{}
	if err := json.Unmarshal(text, ended); err != nil {
		return nil, fmt.Errorf("%s: %w", podFile, err)
	}
	return pod.MakeTaskRunStatus(r.ctx, zap.NewNop().Sugar(), *r.run, ended, cluster(), r.spec)
}

func only[K object](ctx context.Context, file string) (K, error) {
	var none K
	found, err := documents(ctx, file)
	if err != nil {
		return none, err
	}
	if len(found) == 1 {
		if one, fits := found[0].(K); fits {
			return one, nil
		}
	}
	return none, fmt.Errorf("%s: one %T is needed here", file, none)
}
