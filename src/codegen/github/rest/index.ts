/** Labels and releases of a repository, through GitHub's REST API. The token goes to `apiUrl` only. */
export { GithubProblem, openGithub } from './client.js';
export { makeLabels } from './labels.js';
export { makeRelease, releaseTag } from './releases.js';
