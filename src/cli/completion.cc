#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "support/errors.h"

namespace segue::cli {
namespace {

/// One command with what may follow it.
struct Entry {
  std::string path;                                           ///< "generate trips"; empty for the program itself
  std::vector<std::pair<std::string, std::string>> commands;  ///< name, description
  std::vector<std::pair<std::string, std::string>> options;   ///< "--out", description
};

void collect(const CLI::App& app, const std::string& path, std::vector<Entry>& entries) {
  Entry entry{path, {}, {}};
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* sub : below) entry.commands.emplace_back(sub->get_name(), sub->get_description());
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames())
      entry.options.emplace_back("--" + name, option->get_description());
  }
  entries.push_back(std::move(entry));
  for (const CLI::App* sub : below)
    collect(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), entries);
}

std::string words_of(const Entry& entry) {
  std::string words;
  for (const auto* list : {&entry.commands, &entry.options}) {
    for (const auto& [word, description] : *list) words += (words.empty() ? "" : " ") + word;
  }
  return words;
}

/// Within single quotes of a shell.
std::string quoted(const std::string& text, const char* escaped_quote) {
  std::string result;
  for (const char c : text) {
    if (c == '\'')
      result += escaped_quote;
    else
      result += c;
  }
  return result;
}

/// A shell loop's cases: which words follow which commands.
std::string cases(const std::vector<Entry>& entries, const char* before, const char* after) {
  std::string text;
  for (const Entry& entry : entries) text += "    '" + entry.path + "') " + before + words_of(entry) + after + " ;;\n";
  return text;
}

/// A pattern of all commands, for the loop that finds where the command line stands.
std::string known_paths(const std::vector<Entry>& entries) {
  std::string text;
  for (const Entry& entry : entries) {
    if (!entry.path.empty()) text += (text.empty() ? "'" : "|'") + entry.path + "'";
  }
  return text;
}

std::string bash(const std::vector<Entry>& entries) {
  return "# bash completion of segue: source <(segue completion bash)\n"
         "_segue() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" path='' words='' word next\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    next=\"${path:+$path }$word\"\n"
         "    case \"$next\" in\n"
         "    " +
         known_paths(entries) +
         ") path=\"$next\" ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$path\" in\n" +
         cases(entries, "words='", "'") +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "}\n"
         "complete -o default -o bashdefault -F _segue segue\n";
}

std::string zsh(const std::vector<Entry>& entries) {
  return "#compdef segue\n"
         "# zsh completion of segue: source <(segue completion zsh)\n"
         "_segue() {\n"
         "  local route='' word next\n"
         "  local -a candidates\n"
         "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
         "    next=\"${route:+$route }$word\"\n"
         "    case \"$next\" in\n"
         "    " +
         known_paths(entries) +
         ") route=\"$next\" ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$route\" in\n" +
         cases(entries, "candidates=(", ")") +
         "  esac\n"
         "  compadd -- $candidates\n"
         "  _files\n"
         "}\n"
         "compdef _segue segue\n";
}

std::string fish(const std::vector<Entry>& entries) {
  std::string text = "# fish completion of segue: segue completion fish | source\n";
  for (const Entry& entry : entries) {
    std::string condition, rest = entry.path;
    for (std::size_t begin = 0; !rest.empty() && begin <= rest.size();) {
      const std::size_t end = std::min(rest.find(' ', begin), rest.size());
      condition +=
          (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + rest.substr(begin, end - begin));
      begin = end + 1;
    }
    if (condition.empty()) condition = "__fish_use_subcommand";
    for (const auto& [name, description] : entry.commands) {
      text += "complete -c segue -n '" + condition + "' -a '" + name + "' -d '" + quoted(description, "\\'") + "'\n";
    }
    for (const auto& [name, description] : entry.options) {
      text += "complete -c segue -n '" + condition + "' -l '" + name.substr(2) + "' -d '" + quoted(description, "\\'") +
              "'\n";
    }
  }
  return text;
}

}  // namespace

void add_completion(CLI::App& app, GlobalOptions& global) {
  (void)global;
  const auto shell = std::make_shared<std::string>();
  auto* command = app.add_subcommand("completion", "Print a completion script for a shell");
  command->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &app] {
    std::vector<Entry> entries;
    collect(app, "", entries);
    const std::string script = *shell == "bash" ? bash(entries) : *shell == "zsh" ? zsh(entries) : fish(entries);
    std::fputs(script.c_str(), stdout);
  });
}

}  // namespace segue::cli
