import { Route, Routes } from "react-router";
import { JobDetails } from "./job-details";
import { JobList } from "./job-list";

export function Page() {
  return (
    <Routes>
      <Route path="/" element={<JobList />} />
      <Route path=":id" element={<JobDetails />} />
    </Routes>
  );
}
