import { Component, type ReactNode } from "react";
import { ErrorState } from "./states";

interface State {
  error: unknown;
}

/** Shows a fault of the page in place of the part that has it. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override render(): ReactNode {
    return this.state.error === null ? (
      this.props.children
    ) : (
      <ErrorState error={this.state.error} onRetry={() => this.setState({ error: null })} />
    );
  }
}
