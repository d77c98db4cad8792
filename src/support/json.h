#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace segue {

/// JSON with keys in the order of insertion, so that files read well.
using Json = nlohmann::ordered_json;

/// Reads and parses a JSON file. DataError names the file and the place of the fault.
Json read_json(const std::filesystem::path& path);
/// Writes it indented by two, atomically.
void write_json(const std::filesystem::path& path, const Json& json);
/// `json.at(key)` as T; DataError that names `where` and the key when missing or of another type.
template <class T>
T json_get(const Json& json, const std::string& key, const std::string& where);

/// The dotted path of the first key in which two objects differ; empty when they are equal.
std::string first_difference(const Json& a, const Json& b);

/// Checks `{"format": name, "version": n}` at the head of a manifest: DataError when it is of another format, or newer
/// than `newest` ("written by a newer Segue: update the program").
void check_format(const Json& manifest, const std::string& format, int newest, const std::string& where);

}  // namespace segue

#include "support/json_get.inl"
