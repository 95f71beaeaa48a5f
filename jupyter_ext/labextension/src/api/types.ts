/**
 * What the panel reads of the API's values: each interface is a part of the schema with its name.
 *
 * A test of the Python side holds them against the OpenAPI document. Fields that the panel does not read are left out,
 * and a server may send more than is known here.
 */

export type ProcessState =
  | 'stopped'
  | 'starting'
  | 'running'
  | 'stopping'
  | 'exited'
  | 'backoff'
  | 'crash_loop'
  | 'lost';
export type Health = 'unknown' | 'starting' | 'healthy' | 'transient' | 'unhealthy';
export type RunState = 'running' | 'succeeded' | 'failed' | 'cancelled';
export type Stream = 'stdout' | 'stderr';

export interface SystemHealth {
  version: string;
  api_version: string;
  instance_id: string;
  supervised_by: Supervisor | null;
  capabilities: string[];
  notices: string[];
}

export interface Supervisor {
  pid: number;
  host: string;
}

export interface Project {
  id: string;
  title: string | null;
  path: string | null;
  command: string[] | null;
  nat_config: string | null;
}

export interface ExitRecord {
  code: number | null;
  signal_name: string | null;
  requested: boolean;
  reason: string;
  exited_at: string | null;
}

export interface RuntimeStatus {
  state: ProcessState;
  health: Health;
  reason: string;
  pid: number | null;
  run_id: string | null;
  port: number | null;
  url: string | null;
  started_at: string | null;
  exit: ExitRecord | null;
  restarts: number;
  next_restart_at: string | null;
  restart_to_apply: boolean;
}

export interface ProjectSetup {
  state: RunState;
  progress: number | null;
  message: string;
  diagnosis: Diagnosis | null;
  last_lines: string[];
}

export interface ProjectStatus {
  project: Project;
  runtime: RuntimeStatus;
  setup: ProjectSetup | null;
  adapter: string;
}

export interface ProjectPage {
  projects: ProjectStatus[];
  cursor: string | null;
  has_more: boolean;
}

export interface Diagnosis {
  summary: string;
  remedy: string;
}

export interface Diagnostics {
  run_id: string | null;
  exit: ExitRecord | null;
  diagnosis: Diagnosis | null;
  last_lines: LogLine[];
}

export interface LogLine {
  text: string;
  stream: Stream;
  at: string;
  partial: boolean;
  run_id: string;
}

export interface LogPage {
  lines: LogLine[];
  cursor: string | null;
  truncated: boolean;
  lost_bytes: number | null;
}

export interface Event {
  id: number;
  kind: string;
  project: string | null;
  run_id: string | null;
  data: { [name: string]: unknown };
}

export interface EventPage {
  events: Event[];
}

export interface Template {
  name: string;
  title: string;
  description: string;
  heavy: boolean;
}

export interface TemplateList {
  templates: Template[];
}

export interface CapturedSection {
  title: string;
  text: string;
}

export interface TestFailure {
  nodeid: string;
  subtest: string | null;
  outcome: 'failed' | 'error' | 'rerun';
  phase: string;
  exception_type: string | null;
  message: string;
  longrepr: string;
  path: string | null;
  line: number | null;
  sections: CapturedSection[];
}

export interface TestOutcome {
  nodeid: string;
}

export interface TestOutcomePage {
  outcomes: TestOutcome[];
  cursor: string | null;
  has_more: boolean;
}

export interface InFlight {
  nodeid: string;
}

export interface TestRequest {
  suite: string | null;
  targets: string[];
  markers: string | null;
}

export interface TestRun {
  run_id: string;
  state: RunState;
  status: string | null;
  started_at: string;
  message: string;
  progress: number | null;
  passed: number;
  failed: number;
  skipped: number;
  errors: number | null;
  xfailed: number | null;
  xpassed: number | null;
  collected: number | null;
  finished: number;
  duration_seconds: number | null;
  eta_seconds: number | null;
  in_flight: InFlight[];
  failures: TestFailure[];
  request: TestRequest | null;
}

export interface TestRunPage {
  runs: TestRun[];
}
