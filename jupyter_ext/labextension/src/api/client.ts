/** Requests to ATT with what JupyterLab knows about its server: address, token, XSRF. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

type Query = { [name: string]: string | number | boolean | string[] | null | undefined };

/** An answer of the server that is no success, in words for a person. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: { [name: string]: unknown } = {}
  ) {
    super(message);
    this.name = 'Problem';
  }
}

/** Knows the addresses and asks. */
export class Api {
  constructor(readonly settings: ServerConnection.ISettings) {}

  /** Return the JSON of a GET. Throws Problem. */
  get<T>(path: string, query: Query = {}): Promise<T> {
    return this.request<T>('GET', path, query);
  }

  /** Return the JSON of a POST. Throws Problem. */
  post<T>(path: string, body: object = {}): Promise<T> {
    return this.request<T>('POST', path, {}, body);
  }

  /** Return the JSON of a DELETE. Throws Problem. */
  delete<T>(path: string, query: Query = {}): Promise<T> {
    return this.request<T>('DELETE', path, query);
  }

  /** Open a WebSocket. */
  socket(path: string, query: Query = {}): WebSocket {
    const { appendToken, token, wsUrl, WebSocket } = this.settings;
    const credentials = appendToken && token ? { token } : {};
    return new WebSocket(URLExt.join(wsUrl, 'api/v1', path) + text({ ...query, ...credentials }));
  }

  /** Return the address of a page that the Jupyter server passes on to a port of its machine. */
  proxied(port: number): string {
    return URLExt.join(this.settings.baseUrl, 'proxy', String(port)) + '/';
  }

  private async request<T>(method: string, path: string, query: Query, body?: object): Promise<T> {
    const url = URLExt.join(this.settings.baseUrl, 'api/v1', path) + text(query);
    // JupyterLab's own 'no-store' would put the time into the query.
    const init: RequestInit = { method, cache: 'no-cache' };
    if (body) {
      init.body = JSON.stringify(body);
      init.headers = { 'Content-Type': 'application/json' };
    }
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.settings);
    } catch {
      throw new Problem(0, 'unreachable', 'The Jupyter server does not answer.');
    }
    if (!response.ok) {
      throw await problem(response);
    }
    return (await response.json()) as T;
  }
}

/** Return the path of something that belongs to a project. */
export function ofProject(id: string, rest = ''): string {
  return `projects/${encodeURIComponent(id)}${rest && '/' + rest}`;
}

/** Return an error's words. */
export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function text(query: Query): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined) {
        pairs.append(name, String(one));
      }
    }
  }
  const joined = pairs.toString();
  return joined && '?' + joined;
}

async function problem(response: Response): Promise<Problem> {
  const { status } = response;
  const told = await response.json().catch(() => null);
  if (typeof told?.code === 'string') {
    return new Problem(status, told.code, told.detail ?? told.title, told.details ?? {});
  }
  if (status === 404) {
    return new Problem(status, 'absent', 'This Jupyter server does not serve ATT.');
  }
  if (status === 401 || status === 403) {
    return new Problem(status, 'unauthenticated', 'Your login has ended; load the page again to log in.');
  }
  return new Problem(status, 'strange', `The Jupyter server answered ${status} ${response.statusText}.`);
}
