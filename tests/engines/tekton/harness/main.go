// Command taskpod shows what Tekton's controller makes of a file, without a cluster.
//
//	taskpod check FLAGS FILE…               decode strictly and validate; FLAGS is what the ConfigMap feature-flags would hold
//	taskpod pod TASK TASKRUN ACTION…        the Pod that the TaskRun would become, as JSON
//	taskpod status TASK TASKRUN POD ACTION… the status of the TaskRun once that Pod has ended, as JSON
//
// A file may hold several documents. A Pipeline is compared with the Tasks among the files, as its own reconciler would.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

const stable = "enable-api-fields=stable"

func main() {
	answer, err := answerTo(os.Args[1:])
	if err == nil && answer != nil {
		err = json.NewEncoder(os.Stdout).Encode(answer)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answerTo(words []string) (any, error) {
	switch {
	case len(words) > 2 && words[0] == "check":
		return nil, check(words[1], words[2:])
	case len(words) > 2 && words[0] == "pod":
		run, err := resolve(words[1], words[2], words[3:])
		if err != nil {
			return nil, err
		}
		return run.pod()
	case len(words) > 3 && words[0] == "status":
		run, err := resolve(words[1], words[2], words[4:])
		if err != nil {
			return nil, err
		}
		return run.status(words[3])
	}
	return nil, errors.New("taskpod: check FLAGS FILE… | pod TASK TASKRUN ACTION… | status TASK TASKRUN POD ACTION…")
}
